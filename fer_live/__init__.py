"""Frames to faces to labelled faces: pictures, video, camera."""
