"""What people try first, who come from elsewhere, and what it is called here."""

from __future__ import annotations

from collections.abc import Collection

from striate.errors import nearest

#: What other libraries call an argument, by what it may be called here.
_CALLED = {
    "classes": ("num_classes", "n_classes", "nb_classes", "num_labels", "num_outputs"),
    "in_channels": ("in_chans", "num_channels", "channels", "input_channels"),
    "weights": ("pretrained", "checkpoint", "checkpoint_path", "pretrained_weights"),
    "backbone": ("net", "network", "model", "model_name", "arch", "architecture", "base_model"),
    "net": ("network", "model", "model_name", "arch", "architecture", "backbone"),
    "network": ("net", "model", "model_name", "arch", "architecture"),
    "run": ("model", "net", "network", "checkpoint", "path"),
    "lr": ("learning_rate", "lr0", "eta", "learning_rate_init"),
    "epochs": ("num_epochs", "n_epochs", "max_epochs", "nb_epoch", "num_train_epochs", "max_iter"),
    "batch_size": ("batch", "bs", "per_device_train_batch_size", "train_batch_size"),
    "size": ("image_size", "img_size", "imgsz", "input_size", "input_shape", "resolution"),
    "seed": ("random_state", "random_seed", "rng"),
    "workers": ("num_workers", "n_jobs", "jobs", "threads", "num_threads"),
    "device": ("gpu", "gpus", "cuda", "use_cuda", "accelerator"),
    "val_fraction": ("val_split", "validation_split", "test_size", "valid_pct", "split"),
    "out": ("output", "output_dir", "save_dir", "save_path", "project", "run", "folder", "name"),
    "output": ("out", "output_dir", "save_path", "file", "path"),
    "top": ("topk", "top_k", "k"),
    "threshold": ("conf", "confidence", "conf_threshold", "score_threshold"),
    "progress": ("verbose", "progress_bar", "show_progress", "quiet", "disable_tqdm"),
    "images": ("image", "img", "source", "x", "X", "inputs", "paths", "files"),
    "data": ("dataset", "data_dir", "root", "folder", "train_dir", "path", "images", "train"),
    "target": ("targets", "label_column", "y", "regression"),
    "heatmap": ("gradcam", "grad_cam", "cam", "heat_map", "explain"),
    "crops": ("tta", "augment", "views"),
    "freeze": ("frozen", "freeze_backbone", "trainable", "train_backbone"),
    "class_weights": ("class_weight", "balanced", "sample_weight"),
    "allow_code": ("trust_remote_code", "trust", "weights_only"),
}
#: What is no argument at all where nothing in `_CALLED` is one.
_TOLD = {
    **dict.fromkeys(_CALLED["classes"], "the images tell how many classes there are"),
    **dict.fromkeys(_CALLED["in_channels"], "the images tell whether they have colours"),
    **dict.fromkeys(("transform", "transforms", "preprocess"), "a run has its own pre-processing"),
    **dict.fromkeys(
        ("optimizer", "optimiser", "momentum", "weight_decay", "scheduler"), "the recipe decides it"
    ),
}


def instead(name: str, known: Collection[str]) -> str:
    """What to write instead of the argument `name`, of a function that has those `known`.

    Examples:
        >>> instead("pretrained", ["classes", "weights"])
        "did you mean 'weights'?"
        >>> instead("num_classes", ["data", "net"])
        'the images tell how many classes there are'
        >>> instead("epoch", ["data", "epochs"])
        "did you mean 'epochs'?"
    """
    for ours, theirs in _CALLED.items():
        if name in theirs and ours in known:
            return f"did you mean '{ours}'?"
    return _TOLD.get(name) or nearest(name, known)
