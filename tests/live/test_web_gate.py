"""Who is let in, what the page brings and is told, and models behind it."""

import re

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from fer_core.labels import LABELS, own_scheme
from fer_live.recognizer import EmotionRecognizer
from fer_live.web import app as app_module
from fer_live.web.engine import Engine
from fer_live.web.gate import AllowedHosts, is_loopback
from tests.live.own_page import HOST, ORIGIN, OWN


@pytest.mark.parametrize("host", ["127.0.0.1:8747", "localhost:1", "LOCALHOST", "[::1]:8747"])
def test_names_of_this_machine_are_served(client, host):
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:8747", "localhost.evil:80", "", "10.0.0.1", "["],
)
@pytest.mark.parametrize("address", ["/", "/api/about"])
def test_other_hosts_are_refused(client, host, address):
    answer = client.get(address, headers={"host": host})
    assert answer.status_code == 403
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


FOREIGN = [
    HOST,
    {**HOST, "origin": "null"},
    {**HOST, "origin": "http://evil.example"},
    {**HOST, "origin": ORIGIN + "0"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("address", ["/api/picture", "/api/video"])
def test_other_pages_can_not_upload(client, model, jpeg, headers, address):
    used = len(model.batches)
    assert client.post(address, content=jpeg, headers=headers).status_code == 403
    assert len(model.batches) == used


@pytest.mark.parametrize("headers", [*FOREIGN, {**OWN, "host": "evil.example"}])
def test_other_pages_can_not_open_the_camera_s_socket(client, headers):
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/api/camera", headers=headers),
    ):
        pass


def test_listening_everywhere_allows_numbers_but_no_names():
    hosts = AllowedHosts.of("0.0.0.0")
    assert hosts.allows("192.168.1.7:8747")
    assert hosts.allows("[fe80::1]:8747")
    assert not hosts.allows("rebound.example:8747")
    assert AllowedHosts.of("my-laptop.lan").allows("My-Laptop.lan:8747")
    assert not AllowedHosts.of("my-laptop.lan").allows("192.168.1.7")


def test_what_is_loopback():
    assert all(map(is_loopback, ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.168.1.7", "my-laptop.lan", ""]))


def test_the_page_brings_all_of_itself(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self' ws://127.0.0.1:8747 wss" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    for file in app_module._PAGE.iterdir():
        served = client.get(f"/{file.name}")
        assert served.content == file.read_bytes()
        # Names of formats, and what a message tells people to open.
        known = {"http://www.w3.org/2000/svg", "http://127.0.0.1"}
        assert set(re.findall(r"https?://[\w./-]+", served.text)) <= known
        assert not re.search(r"""["'(`]//""", served.text)


def test_about(client):
    about = client.get("/api/about").json()
    assert about["scheme"] == "fer7"
    assert about["schemes"]["fer7"] == list(LABELS)
    assert about["schemes"]["valence3"] == ["positive", "neutral", "negative"]
    assert about["limits"] == {"picture": 40 << 20, "video": 512 << 20}


def test_schemes_share_one_loaded_model(recognizer):
    loaded = []

    def load():
        loaded.append(1)
        return recognizer

    engine = Engine(load, load)
    engine.load()
    for name in ("fer7", "basic4", "valence3", None):
        made = engine.recognizer("live", name)
        assert made.model is recognizer.model
        assert made.scheme.name == (name or "fer7")
    assert len(loaded) == 1
    engine.close()


def test_models_with_classes_of_their_own_offer_only_those(recognizer):
    scheme = own_scheme(["bored", "keen"])
    model = recognizer.model
    model.classes_ = np.array([0, 1])
    model.predict_proba = lambda faces: np.full((len(faces), 2), 0.5, np.float32)
    own = EmotionRecognizer(model, recognizer.detector, recognizer.predictor, model_scheme=scheme)
    engine = Engine(lambda: own, lambda: own)
    engine.load()
    assert [each.name for each in engine.schemes] == ["own"]
    engine.close()


def test_the_machine_s_names_in_a_local_network_are_its_own(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Studio")
    hosts = AllowedHosts.of("0.0.0.0")
    for name in ("studio:8000", "studio.local:8000", "192.168.1.7:8000", "localhost"):
        assert hosts.allows(name), name
    for name in ("studio.example", "evil.local", "local"):
        assert not hosts.allows(name), name
