"""Keys of the window, by the codes that X11 and others give them."""

import cv2
import pytest

from fer_live.window import KEYS, Window


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (-1, None),
        (ord("q"), KEYS["q"]),
        (ord("Q"), KEYS["q"]),
        (0x100000 | ord("r"), KEYS["r"]),  # with num lock
        (0xFF51, None),  # arrows: their last bytes are Q, R, S and T
        (0xFF52, None),
        (0x10FF53, None),
        (0xFF63, None),  # insert
        (0xFE51, None),  # a dead key
        (0x1000171, None),  # a letter with an ogonek
        (0x250000, None),  # an arrow on Windows
    ],
)
def test_keys_without_a_character_do_nothing(monkeypatch, code, action):
    monkeypatch.setattr(cv2, "waitKeyEx", lambda delay: code)
    window = Window.__new__(Window)
    window._shown = False
    assert window.key() == action
