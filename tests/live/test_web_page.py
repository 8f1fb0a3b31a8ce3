"""The page in headless Chromium: a fake camera, chosen files, what is shown, and by keyboard."""

import threading
import time
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
import uvicorn
from PIL import Image

from fer_core.labels import LABELS
from fer_live.web.app import make_app
from fer_live.web.command import listen, page_address
from fer_live.web.engine import Engine
from fer_live.web.gate import AllowedHosts
from tests.live.chromium import PATIENCE, chromium, find_chromium

pytestmark = pytest.mark.skipif(
    find_chromium() is None, reason="no Chromium in the path; CHROMIUM can name one"
)

LABEL = "document.querySelector('#label').firstChild?.textContent"
VALUES = "[...document.querySelectorAll('.bar .value')].map((value) => parseInt(value.innerText))"

#: How many pixels of a canvas are drawn on.
DRAWN = """(() => {
  const canvas = document.querySelector('{}');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return new Uint32Array(pixels.data.buffer).filter(Boolean).length;
})()"""


@contextmanager
def serving(recognizer, port=0):
    """Serve the page in a thread, and give its address."""
    engine = Engine(lambda: recognizer, lambda: recognizer)
    engine.load()
    with listen("127.0.0.1", port) as socket:
        app = make_app(engine, AllowedHosts.of("127.0.0.1"))
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            yield page_address("127.0.0.1", socket.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


def camera_frames(astronaut):
    """Give a face that moves, as frames of a camera."""
    part = astronaut[:360, 60:440]
    for i in range(20):
        frame = np.full((480, 640, 3), 90, np.uint8)
        x = round(100 + 30 * np.sin(i / 20 * 2 * np.pi))
        frame[60:420, x : x + 380] = part
        yield frame


def write_y4m(path, frames):
    """Write frames as Chromium's fake camera reads them, 640 x 480."""
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F20:1 Ip A1:1 C420jpeg\n")
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())


@pytest.fixture(scope="module")
def browser(tmp_path_factory, astronaut):
    folder = tmp_path_factory.mktemp("chromium")
    write_y4m(folder / "camera.y4m", camera_frames(astronaut))
    flags = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={folder / 'camera.y4m'}",
    )
    with chromium(folder / "profile", *flags) as page:
        yield page


@pytest.fixture
def page(browser, recognizer):
    """Return the page, just opened."""
    with serving(recognizer) as address:
        browser.complaints.clear()
        browser.requested.clear()
        browser.resize(1280, 900)
        browser.open(address)
        browser.address = address
        browser.wait_for("document.querySelector('#message-title').innerText")
        yield browser
        browser.open("about:blank")


def happy_of(face):
    return round(100 * float(face.probabilities[LABELS.index("happy")]))


def test_the_camera_live(page, recognizer, astronaut):
    expected = happy_of(recognizer.analyze(next(camera_frames(astronaut)))[0])
    assert page.evaluate(DRAWN.replace("{}", "#overlay")) == 0
    page.click("Start camera")
    page.wait_for(f"{LABEL} == 'happy'")
    # The picture went through a camera's colours and a JPEG.
    assert abs(page.evaluate(VALUES)[LABELS.index("happy")] - expected) <= 3
    assert page.text("#second").startswith("second choice: sad")
    assert page.evaluate(DRAWN.replace("{}", "#overlay")) > 500
    page.wait_for("document.querySelector('#timings').innerText.includes('there and back')")
    page.wait_for(f"{DRAWN.replace('{}', '#timeline')} > 1000")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # Another scheme, while the camera runs.
    page.evaluate(
        "(() => { const s = document.querySelector('#scheme'); s.value = 'valence3'; "
        "s.dispatchEvent(new Event('change')); })()"
    )
    page.wait_for(f"{LABEL} == 'positive'")
    assert len(page.evaluate(VALUES)) == 3
    # Off: the browser gives the camera back.
    stream = "document.querySelector('#camera').srcObject"
    page.evaluate(f"window.track = {stream}.getVideoTracks()[0]; 0")
    page.click("Stop camera")
    assert page.evaluate(f"window.track.readyState == 'ended' && {stream} === null")
    assert page.text("#message-title") == "See your expressions live"
    assert page.complaints == []
    own = (page.address, page.address.replace("http", "ws"), "blob:", "data:")
    assert page.requested
    assert [each for each in page.requested if not each.startswith(own)] == []


def test_a_lost_connection_comes_back(page, recognizer):
    with serving(recognizer) as address:
        page.open(address)
        page.click("Start camera")
        page.wait_for(f"{LABEL} == 'happy'")
    page.wait_for("document.querySelector('#banner').innerText.includes('was lost')")
    assert page.text("#label") == "no connection"
    with serving(recognizer, port=int(address.rstrip("/").rpartition(":")[2])):
        page.wait_for("document.querySelector('#banner').dataset.tone == 'good'")
        page.wait_for(f"{LABEL} == 'happy'")
        page.open("about:blank")


def choose(page, path, tab):
    page.click(tab)
    page.wait_for(
        "[...document.querySelectorAll('button')].some((b) => /^Choose/.test(b.innerText))"
    )
    page.evaluate(
        "[...document.querySelectorAll('button')].find((b) => /^Choose/.test(b.innerText)).click()"
    )
    page.give_file(path)


def test_pictures(page, recognizer, two_faces, tmp_path):
    cv2.imwrite(str(tmp_path / "two.png"), two_faces)
    choose(page, tmp_path / "two.png", "Picture")
    page.wait_for("document.querySelectorAll('.chip').length == 2")
    shown = {}
    for number in (1, 2):
        page.click(f"Face {number}")
        shown[page.evaluate(LABEL)] = max(page.evaluate(VALUES))
    faces = recognizer.analyze(two_faces)
    assert shown == {face.label: round(100 * face.confidence) for face in faces}

    # As bright as makes happy and sad equal.
    bright = max(faces, key=lambda face: face.probabilities[3])
    gray = cv2.convertScaleAbs(two_faces[:, :240], alpha=0.46 / bright.probabilities[3])
    cv2.imwrite(str(tmp_path / "unsure.png"), gray)
    choose(page, tmp_path / "unsure.png", "Picture")
    page.wait_for("document.querySelector('#label .unsure')")
    assert page.evaluate("document.querySelector('#faces').hidden")

    cv2.imwrite(str(tmp_path / "none.png"), np.full((200, 300), 90, np.uint8))
    choose(page, tmp_path / "none.png", "Picture")
    page.wait_for("document.querySelector('#notice').innerText.startsWith('No face found')")
    assert page.text("#label") == "no face found"

    (tmp_path / "no.png").write_bytes(b"no picture")
    assert page.complaints == []
    choose(page, tmp_path / "no.png", "Picture")
    page.wait_for("document.querySelector('#message-title').innerText.includes('t be analysed')")
    assert page.text("#message-text").startswith("This is not a picture")


def test_every_picture_is_announced_if_it_is_the_same_again(page, two_faces, tmp_path):
    page.evaluate(
        "window.heard = []; const spoken = document.querySelector('#spoken'); "
        "new MutationObserver(() => heard.push(spoken.textContent)).observe(spoken, "
        "{childList: true, characterData: true, subtree: true}); 0"
    )
    cv2.imwrite(str(tmp_path / "one.png"), two_faces[:, :240])
    for n in (1, 2):
        choose(page, tmp_path / "one.png", "Picture")
        page.wait_for(f"heard.filter((text) => text.includes('happy')).length == {n}")


def test_a_moving_picture_is_shown_as_the_frame_that_was_analysed(page, two_faces, tmp_path):
    frames = [Image.fromarray(np.ascontiguousarray(two_faces[:, ::s, ::-1])) for s in (1, -1)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    choose(page, tmp_path / "a.gif", "Picture")
    page.wait_for("document.querySelector('#picture').src.startsWith('data:image/jpeg')")


def test_a_file_that_is_gone_is_not_the_server_s_fault(page, two_faces, tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), two_faces)
    choose(page, tmp_path / "one.png", "Picture")
    page.wait_for("document.querySelectorAll('.chip').length == 2")
    cv2.imwrite(str(tmp_path / "one.png"), two_faces[:100])
    page.evaluate(
        "(() => { const s = document.querySelector('#scheme'); s.value = 'valence3'; "
        "s.dispatchEvent(new Event('change')); })()"
    )
    page.wait_for("document.querySelector('#message-text').innerText.startsWith('The file was')")


def test_the_keyboard_s_focus_is_not_lost(page):
    for text in ("Start camera", "Stop camera"):
        find = f"[...document.querySelectorAll('button')].find((b) => b.innerText == '{text}')"
        page.wait_for(f"Boolean({find})")
        page.evaluate(f"{find}.focus()")
        page.press("Enter")
        page.wait_for(f"!{find}?.checkVisibility()")
        assert page.evaluate("document.activeElement !== document.body")


def test_a_video(page, astronaut, tmp_path):
    face = astronaut[:240, 100:420]
    none = np.full_like(face, 90)
    path = tmp_path / "clip.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"VP80"), 10, (320, 240))
    for frame in [face] * 10 + [none] * 10:
        writer.write(frame)
    writer.release()
    choose(page, path, "Video")
    page.wait_for("document.querySelector('#timings').innerText.includes('analysed in')")
    assert "50\u202f%" in page.text("#timings")
    page.wait_for(f"{LABEL} == 'happy'")
    timeline = "document.querySelector('#timeline')"
    page.evaluate(f"{timeline}.focus()")
    page.press("End")
    page.wait_for("document.querySelector('#notice').innerText == 'No face found at this moment.'")
    page.wait_for(f"{timeline}.ariaValueNow == '1.9'")
    page.press("Home")
    page.wait_for(f"{LABEL} == 'happy'")
    page.press("ArrowRight")
    page.wait_for(f"{timeline}.ariaValueNow == '0.5'")
    assert page.complaints == []


def test_by_keyboard_and_in_the_dark(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.evaluate("document.querySelector('#tab-camera').focus()")
    page.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-picture"
    assert page.text("#message-title") == "Look at a picture"
    page.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Choose a picture"
    page.resize(390, 844, dark=True, mobile=True)
    assert page.evaluate(ground) != light
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("document.querySelector('#theme').focus()")
    page.press("Enter")
    assert page.text("#theme-name") == "light"
    assert page.evaluate(ground) == light
    page.evaluate("localStorage.clear()")


@pytest.mark.parametrize(
    ("flags", "title"),
    [
        (("--use-fake-device-for-media-stream", "--deny-permission-prompts"), "was not allowed"),
        ((), "No camera was found"),
    ],
)
def test_no_camera_is_explained(recognizer, tmp_path, flags, title):
    with serving(recognizer) as address, chromium(tmp_path / "profile", *flags) as page:
        page.open(address)
        page.click("Start camera")
        problem = "document.querySelector('#message.problem #message-title')?.innerText"
        page.wait_for(f"{problem}?.includes('{title}')")
        page.click("Try again")
        time.sleep(0.2)
        page.wait_for("document.querySelector('#message.problem')")
        assert page.complaints == []
