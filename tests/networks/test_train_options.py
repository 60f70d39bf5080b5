from mggc.networks.train_options import read_train_options

PRESENT = {
    "batch_size": "1",
    "beta1": "0.5",
    "checkpoints_dir": "./checkpoints",
    "crop_size": "256",
    "dataroot": "C:\\data: new",
    "direction": "BtoA",
    "gpu_ids": "0,1",
    "load_iter": "-1",
    "lr": "0.0002",
    "max_dataset_size": "inf",
    "name": "007",
    "no_dropout": "True",
    "suffix": "",
    "weight_decay": "1e-05",
}


def written_by_the_published_repository(options: dict[str, str]) -> str:
    lines = [
        f"{name:>25}: {value:<30}" + ("\t[default: None]" if name < "d" else "")
        for name, value in options.items()
    ]
    return "\n".join(
        ["----------------- Options ---------------", *lines, "----------------- End -------------------", ""]
    )


def test_options_are_read_with_their_types(tmp_path):
    (tmp_path / "train_opt.txt").write_text(written_by_the_published_repository(PRESENT))
    assert read_train_options(tmp_path) == {
        "batch_size": 1,
        "beta1": 0.5,
        "checkpoints_dir": "./checkpoints",
        "crop_size": 256,
        "dataroot": "C:\\data: new",
        "direction": "BtoA",
        "gpu_ids": "0,1",
        "lr": 0.0002,
        "name": "007",
        "no_dropout": True,
        "weight_decay": 1e-5,
        "suffix": "",
        "load_iter": -1,
        "max_dataset_size": "inf",
    }


def test_options_of_2017_are_read_under_their_present_names(tmp_path):
    (tmp_path / "opt.txt").write_text("which_direction: AtoB\nloadSize: 286\nfineSize: 256\nserial: None\n")
    assert read_train_options(tmp_path) == {
        "direction": "AtoB",
        "load_size": 286,
        "crop_size": 256,
        "serial": None,
    }


def test_without_the_file_there_are_no_options(tmp_path):
    assert read_train_options(tmp_path) == {}
