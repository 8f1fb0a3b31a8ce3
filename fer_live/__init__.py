"""Frames to faces to labelled faces: pictures, video, camera."""

from fer_live.face import Face, FrameResult, TrackedFace
from fer_live.follower import FaceFollower
from fer_live.native_threads import bound_native_threads
from fer_live.recognizer import EmotionRecognizer

__all__ = [
    "EmotionRecognizer",
    "Face",
    "FaceFollower",
    "FrameResult",
    "TrackedFace",
    "bound_native_threads",
]
