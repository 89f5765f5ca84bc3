"""What learners hand in: answers, zips, and a class that shows every kind of submission."""

import zipfile

RIGHT = "import numpy as np\ndef double(x): return x + x\ndef total(xs): return float(np.sum(xs))\n"
WRONG = "import numpy as np\ndef double(x): return x * x\ndef total(xs): return np.mean(xs)\n"
LEARNERS = ["ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ivy", "jon", "kim"]
HALF = "def double(x): return x + x\n"


def zipped(path, files, change=lambda info: None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, text)
    return path


def make_class(folder):
    """Fill `folder` with a class that shows every kind of submission but the slow ones."""
    folder.mkdir()
    (folder / "ada.py").write_text(RIGHT)
    (folder / "bob").mkdir()
    (folder / "bob" / "arithmetic.py").write_text(WRONG)
    zipped(folder / "cyd.zip", {"home/arithmetic.py": HALF, "__MACOSX/._x.py": "\x00"})
    (folder / "dan.py").write_text("import os\nos._exit(0)\n")
    (folder / "eve.zip").write_bytes(b"PK\x03\x04 this was a zip once")
    (folder / "fay.py").write_text("def double(x:\n")
    (folder / "gus.py").write_text(RIGHT)
    (folder / "gus.zip").write_bytes((folder / "cyd.zip").read_bytes())
    (folder / "hal").mkdir()
    zipped(folder / "ivy.zip", {"../../ivy.py": RIGHT})
    (folder / "jon.py").write_text("import no_such_module\n")
    (folder / "kim.py").write_text("")
    (folder / ".DS_Store").write_bytes(b"")
    return folder


def filled(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder
