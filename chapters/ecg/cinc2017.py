"""The PhysioNet/CinC Challenge 2017 for TensorFlow Datasets: is this heart fibrillating?"""

import csv
import hashlib
import zipfile
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from chapters.ecg.formats import read_mat
from chapters.ecg.recordings import CLASSES
from chapters.ecg.sources import FILES

SOURCE = "https://physionet.org/files/challenge-2017/1.0.0/"
LABELS = dict(zip("NAO~", CLASSES, strict=True))
CITATION = """\
@inproceedings{clifford2017af,
  title = {{AF} classification from a short single lead {ECG} recording: the
           {PhysioNet}/Computing in Cardiology Challenge 2017},
  author = {Clifford, Gari D. and Liu, Chengyu and Moody, Benjamin and Lehman, Li-wei H. and
            Silva, Ikaro and Li, Qiao and Johnson, A. E. and Mark, Roger G.},
  booktitle = {2017 Computing in Cardiology ({CinC})},
  doi = {10.22489/CinC.2017.065-469},
  year = {2017}
}"""


def part_of(record: str) -> str:
    """Return the split that a recording belongs to: 75, 10 and 15 of a hundred, by its name alone.

    So a recording stays where it is, whichever others are there.

    >>> [part_of(name) for name in ("A00001", "A00004", "A00009", "A00020")]
    ['train', 'train', 'test', 'train']
    """
    percentile = int(hashlib.sha256(record.encode()).hexdigest()[:8], 16) % 100
    return "train" if percentile < 75 else "validation" if percentile < 85 else "test"


class Builder(tfds.core.GeneratorBasedBuilder):
    """Single-lead ECGs of 9 to 61 s, 300 Hz, recorded by their owners with an AliveCor device."""

    name = "cinc2017"
    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Only where {SOURCE} cannot be reached: put {' and '.join(FILES)} from "
        "there into this folder."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=(
                "8,528 recordings of a single ECG lead, each labelled by experts as normal sinus "
                "rhythm, atrial fibrillation, another rhythm, or too noisy to tell (third revision "
                "of the labels). The values are in 1/1000 mV. Licence: Open Data Commons "
                "Attribution License 1.0 (ODC-By). The three splits are ours: 75, 10 and 15 of a "
                "hundred recordings, by a hash of their names."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "record": tfds.features.Text(),
                    "signal": tfds.features.Tensor(shape=(None,), dtype=tf.int16),
                    "label": tfds.features.ClassLabel(names=list(LABELS.values())),
                }
            ),
            homepage="https://physionet.org/content/challenge-2017/1.0.0/",
            citation=CITATION,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        try:
            files = [dl_manager.manual_dir / name for name in FILES]
            by_hand = all(file.exists() for file in files)
        except AssertionError:  # there is no such folder
            by_hand = False
        if not by_hand:
            files = dl_manager.download([SOURCE + name for name in FILES])
        recordings, reference = files
        with reference.open(encoding="utf-8") as table:
            labels = dict(csv.reader(table))
        return {
            part: self._generate_examples(recordings, labels, part)
            for part in ("train", "validation", "test")
        }

    def _generate_examples(
        self, archive: Any, labels: dict[str, str], part: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        with archive.open("rb") as file, zipfile.ZipFile(file) as recordings:
            for path in recordings.namelist():
                record, _, ending = path.rpartition("/")[2].partition(".")
                if ending == "mat" and record in labels and part_of(record) == part:
                    yield (
                        record,
                        {
                            "record": record,
                            "signal": read_mat(recordings.read(path))[0],
                            "label": LABELS[labels[record]],
                        },
                    )
