"""The command on a video without a window, and what it leaves."""

import csv

import cv2

from fer_live.__main__ import main


def rows(out):
    with open(out / "faces.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(source, out, *options):
    return main(["video", str(source), "--headless", "--out", str(out), *options])


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames
