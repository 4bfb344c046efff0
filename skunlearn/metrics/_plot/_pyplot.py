"""The door to matplotlib."""


def new_axes(display, figsize=(5.4, 4.6)):
    """Return the axes of a new figure, or say how to do without."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display}.plot needs matplotlib: pip install 'skunlearn[plot]', or read the numbers "
            "with frame()."
        ) from error
    return plt.subplots(figsize=figsize, layout="constrained")[1]
