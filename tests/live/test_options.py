"""Options that image, video, webcam and web share."""

import argparse

import pytest

from fer_core.cli import not_negative, positive
from fer_core.errors import DataError
from fer_live.options import add_arguments, count, recognizer_options, share


def parsed(*argv):
    parser = argparse.ArgumentParser()
    add_arguments(parser, "ensemble")
    return parser.parse_args(argv)


def test_nothing_said_leaves_the_recogniser_its_defaults():
    args = parsed()
    assert (args.model, args.scheme) == ("ensemble", None)
    assert recognizer_options(args) == {
        "store": None,
        "members": None,
        "detector": "hog",
        "threshold": None,
    }


def test_a_detectors_file_goes_to_the_detector():
    args = parsed("--detector", "yunet", "--detector-file", "yunet.onnx")
    assert str(recognizer_options(args)["path"]) == "yunet.onnx"
    with pytest.raises(DataError, match=r"haar detector takes no file; choose --detector .*yunet"):
        recognizer_options(parsed("--detector", "haar", "--detector-file", "yunet.onnx"))


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (positive, "0.5", ("0", "-1", "inf", "nan")),
        (not_negative, "0", ("-1", "inf", "nan")),
        (share, "1", ("1.1", "-0.1", "nan")),
        (count, "1", ("0", "-3")),
    ],
)
def test_numbers_outside_their_range_are_refused(read, good, bad):
    assert read(good) == float(good)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match="Got"):
            read(text)
