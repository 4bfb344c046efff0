"""Random numbers of a net of its own, in a library whose generators are global."""

import torch


class Randomness:
    """Torch's global generators, seeded for a while and then set back."""

    def __init__(self, seed, device):
        self.seed = seed
        cuda = torch.device(device).type == "cuda" and torch.cuda.is_available()
        self._fork = torch.random.fork_rng(devices=range(torch.cuda.device_count()) if cuda else [])

    def __enter__(self):
        self._fork.__enter__()
        torch.manual_seed(self.seed)

    def __exit__(self, *error):
        return self._fork.__exit__(*error)
