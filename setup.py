"""What setup.cfg cannot say: the top-level folder data/ is installed as companion/data."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["companion", "companion.*", "chapters", "chapters.*"]),
        "companion.data",
    ],
    package_dir={"companion.data": "data"},
)
