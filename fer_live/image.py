"""``python -m fer_live image``: label the faces of photographs."""

import argparse
import importlib.util
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table

from fer_core.cli import terminated_as_interrupted
from fer_core.crop import CROP_CHOICES, FRAMING_VERSION
from fer_core.detectors import PHOTO_WORKING_SIDE
from fer_core.errors import DataError, PictureError
from fer_core.files import printable, write_atomically
from fer_core.pictures import read_picture
from fer_live.blur import hide_faces
from fer_live.face import Face
from fer_live.native_threads import bound_native_threads
from fer_live.options import add_arguments, recognizer_options
from fer_live.overlay import annotate
from fer_live.recognizer import DEFAULT_MODEL, EmotionRecognizer
from fer_live.sources import find_pictures

#: Ending of the annotated pictures' names; folders are read without these.
ANNOTATED = ".annotated.png"

#: The file that lists all photographs of a run.
REPORT = "faces.json"

_LISTED = 5

#: Bytes of a photograph's name that the annotated picture's name keeps: file systems bound names.
_LONGEST_STEM = 200


@dataclass(frozen=True)
class LabelledPhoto:
    """One photograph and what was found in it.

    Attributes
    ----------
    path : Path
    width, height : int
        Of the picture as it was analysed: upright, and shrunk where it was very large.
    faces : list of Face
    annotated : str
        Name of the annotated picture; empty where there is none.
    error : str
        Why the photograph could not be read; empty where it could.
    """

    path: Path
    width: int = 0
    height: int = 0
    faces: Sequence[Face] = ()
    annotated: str = ""
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what was found as plain values, ready for JSON."""
        if self.error:
            return {"photo": str(self.path), "error": self.error}
        return {
            "photo": str(self.path),
            "annotated": self.annotated,
            "width": self.width,
            "height": self.height,
            "faces": [face.as_dict() for face in self.faces],
        }


def add_parser(subparsers: Any) -> None:
    """Add the subcommand ``image``."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "image",
        help="label the faces of photographs",
        description="Finds the faces of photographs, labels them, prints a table, and writes "
        f"annotated pictures and {REPORT}.",
    )
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO",
        help="picture, folder, pattern such as 'party/*.jpg', or - for paths on standard input "
        "(default: a portrait that scikit-image brings)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("fer_out"), metavar="DIR", help="default: %(default)s"
    )
    add_arguments(parser, DEFAULT_MODEL)
    parser.add_argument(
        "--crop",
        default="auto",
        choices=CROP_CHOICES,
        help="search faces in pictures of 100 pixels and more (auto), in all, or in none",
    )
    parser.add_argument(
        "--blur", action="store_true", help="hide the faces in the annotated pictures"
    )
    parser.add_argument(
        "--skip-broken", action="store_true", help="go on without photographs that can't be read"
    )
    parser.set_defaults(command=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand ``image``.

    Raises
    ------
    DataError
        If an option or a photograph can't be used, or, after everything is written, if no
        photograph has a face.
    """
    options = recognizer_options(args)
    paths = find_photos(args.photos) if args.photos else [portrait()]
    # Where broken ones are left out they are found on the way, without reading all of them twice.
    if not args.skip_broken and (broken := find_broken(paths)):
        raise PictureError(_list_broken(broken, len(paths)))
    recognizer = EmotionRecognizer.load(
        args.model, scheme=args.scheme, working_side=PHOTO_WORKING_SIDE, **options
    )
    bound_native_threads(recognizer.model)
    photos: list[LabelledPhoto] = []
    try:
        with terminated_as_interrupted():
            for photo in label_photos(paths, recognizer, args.out, args.crop, args.blur):
                photos.append(photo)
    finally:
        # What is finished is kept whatever ends it; an earlier report is not replaced by nothing.
        if photos:
            write_report(args.out / REPORT, photos, len(paths), recognizer, args)
    Console().print(as_table(photos))
    # Not through rich, which would break long paths into lines.
    print(f"Annotated pictures and {REPORT} are in {printable(str(args.out))}")
    if not any(photo.faces for photo in photos):
        raise DataError(_explain_no_face(photos))
    return 0


def find_photos(names: Sequence[str]) -> list[Path]:
    """Return the pictures that names mean (`fer_live.sources.find_pictures`), but for our own."""
    return find_pictures(names, leave_out=ANNOTATED)


def find_broken(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the pictures that can't be read, each with what is wrong."""
    broken = {}
    with _progress(len(paths)) as progress:
        for path in progress.track(paths, description="Checking"):
            try:
                read_picture(path)
            except PictureError as error:
                broken[path] = str(error)
    return broken


def label_photos(
    paths: Sequence[Path],
    recognizer: EmotionRecognizer,
    out: Path,
    crop: str,
    blur: bool = False,
) -> Iterator[LabelledPhoto]:
    """Label photographs one by one, each given once its annotated picture is written."""
    taken = set[str]()
    with _progress(len(paths)) as progress:
        for path in progress.track(paths, description="Labelling"):
            try:
                frame = read_picture(path)
            except PictureError as error:
                yield LabelledPhoto(path, error=str(error))
                continue
            faces = recognizer.analyze_picture(frame, crop)
            if blur:
                hide_faces(frame, [face.box for face in faces])
            name = _free_name(path.stem, taken)
            write_picture(out / name, annotate(frame, faces))
            height, width = frame.shape[:2]
            yield LabelledPhoto(path, width, height, faces, name)


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture whole or not at all, in the format that the name's ending says."""
    done, content = cv2.imencode(path.suffix, picture)
    if not done:
        raise PictureError(f"{path}: OpenCV can't encode a picture in this format")
    with write_atomically(path) as temporary:
        # Written here, since OpenCV can't open every file name on every system.
        temporary.write_bytes(content.tobytes())


def write_report(
    path: Path,
    photos: Sequence[LabelledPhoto],
    n_asked: int,
    recognizer: EmotionRecognizer,
    args: argparse.Namespace,
) -> None:
    """Write the JSON file that lists all photographs, also those with no face or an error.

    Of an interrupted run these are fewer than the `n_asked` that were named.
    """
    report = {
        "model": args.model,
        "detector": args.detector,
        "framing": FRAMING_VERSION,
        "scheme": recognizer.scheme.name,
        "labels": recognizer.scheme.labels,
        "threshold": recognizer.threshold,
        "complete": len(photos) == n_asked,
        "photos": [photo.as_dict() for photo in photos],
    }
    with write_atomically(path) as temporary:
        text = json.dumps(report, indent=1, ensure_ascii=False)
        # File names need not be valid UTF-8.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def as_table(photos: Sequence[LabelledPhoto]) -> Table:
    """Return one row for each face, and for each photograph that has none."""
    unsure = any(not face.sure for photo in photos for face in photo.faces)
    table = Table(
        Column("photo", overflow="fold"),
        *("face", "label", "probability", "second choice", "probability"),
        caption="?: less probable than a sure label is (--threshold)" if unsure else None,
    )
    names = Counter(photo.path.name for photo in photos)
    for photo in photos:
        path = photo.path
        alone = names[path.name] == 1
        name = escape(printable(path.name if alone else f"{path.parent.name}/{path.name}"))
        if photo.error:
            table.add_row(name, "", "[red]can't be read[/]")
        elif not photo.faces:
            table.add_row(name, "", "[yellow]no face found[/]")
        for number, face in enumerate(photo.faces, start=1):
            (first, p), (second, q) = face.ranking[:2]
            label = f"[bold]{escape(first)}[/]" if face.sure else f"{escape(first)}?"
            cells = (name if number == 1 else "", str(number), label)
            table.add_row(*cells, f"{p:.0%}", escape(second), f"{q:.0%}")
    return table


def portrait() -> Path:
    """Return the file of scikit-image's astronaut, a portrait of Eileen Collins by NASA."""
    spec = importlib.util.find_spec("skimage")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "astronaut.png"
        if path.is_file():
            return path
    raise DataError("scikit-image's astronaut.png was not found; name a photograph of your own")


def _list_broken(broken: dict[Path, str], total: int) -> str:
    reasons = list(broken.values())
    if total == 1:
        return reasons[0]
    more = f"\n  and {len(reasons) - _LISTED} more" if len(reasons) > _LISTED else ""
    listed = "".join(f"\n  {reason}" for reason in reasons[:_LISTED])
    return (
        f"{len(broken)} of {total} photographs can't be read; --skip-broken goes on without "
        f"them:{listed}{more}"
    )


def _explain_no_face(photos: Sequence[LabelledPhoto]) -> str:
    searched = [photo for photo in photos if not photo.error]
    if not searched:
        return (
            f"none of {len(photos)} photographs can be read; {REPORT} says what is wrong with each"
        )
    others = f" nor in {len(searched) - 1} more" if len(searched) > 1 else ""
    return (
        f"{searched[0].path}: no face found{others}; try another --detector, a larger or more "
        "frontal face, or --crop never if the picture is nothing but a face"
    )


def _free_name(stem: str, taken: set[str]) -> str:
    """Return a name for the annotated picture that no other photograph of this run has."""
    stem = os.fsencode(stem)[:_LONGEST_STEM].decode(errors="ignore") or "photo"
    name, n = f"{stem}{ANNOTATED}", 1
    # Compared in lower case: not every file system tells A from a.
    while name.lower() in taken:
        n += 1
        name = f"{stem}-{n}{ANNOTATED}"
    taken.add(name.lower())
    return name


def _progress(total: int) -> Progress:
    console = Console(stderr=True)
    shown = total > 1 and console.is_terminal and "CI" not in os.environ
    return Progress(console=console, transient=True, disable=not shown)
