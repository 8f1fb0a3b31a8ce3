"""Frames to faces to labelled faces: pictures, video, camera."""

from fer_live.face import Face
from fer_live.follower import FaceFollower, FrameResult, TrackedFace
from fer_live.recognizer import EmotionRecognizer

__all__ = ["EmotionRecognizer", "Face", "FaceFollower", "FrameResult", "TrackedFace"]
