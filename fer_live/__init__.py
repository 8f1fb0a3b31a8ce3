"""Frames to faces to labelled faces: pictures, video, camera."""

from fer_live.recognizer import EmotionRecognizer, Face

__all__ = ["EmotionRecognizer", "Face"]
