"""What of a net is written to files, or given away for serving."""

import copy

from sklearn.utils.validation import check_is_fitted

from skunlearn.neural_network._forgetting import shallow

# Private attributes of a fitted net; skorch takes what does not end in _ for a parameter.
STATE = (
    "_calibration_",
    "_pieces_",
    "_prints_",
    "_key_",
    "_n_rows_",
    "_n_requests_",
    "_unlearned_with_",
    "unlearning_history_",
)


class SavingMixin:
    """Weights as safetensors, and copies for serving."""

    def to_sklearn(self):
        """Give a net for serving: parameters and weights, no fingerprints, nothing kept from `fit`.

        Returns
        -------
        net
            Of this class; it predicts, and cannot forget.
        """
        check_is_fitted(self)
        out = shallow(self)
        for name in (*STATE, "optimizer_"):
            vars(out).pop(name, None)
        out.module_ = copy.deepcopy(self.module_)
        out.history_ = None
        return out

    def save_params(self, f_params=None, *args, use_safetensors=None, **kwargs):
        """Save the weights, as safetensors unless other things than weights are to be saved.

        Parameters
        ----------
        f_params : path or file-like, default=None
        *args, **kwargs
            As in skorch.
        use_safetensors : bool, default=None
            None: true if only `f_params` is given.
        """
        use = _only_weights(args, kwargs) if use_safetensors is None else use_safetensors
        super().save_params(f_params, *args, use_safetensors=use, **kwargs)

    def load_params(self, f_params=None, *args, use_safetensors=None, **kwargs):
        """Load weights that `save_params` has saved.

        Parameters
        ----------
        f_params : path or file-like, default=None
        *args, **kwargs
            As in skorch.
        use_safetensors : bool, default=None
            None: true if only `f_params` is given.
        """
        use = _only_weights(args, kwargs) if use_safetensors is None else use_safetensors
        super().load_params(f_params, *args, use_safetensors=use, **kwargs)


def _only_weights(args, kwargs):
    return not any(value is not None for value in (*args, *kwargs.values()))
