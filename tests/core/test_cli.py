import argparse
import io
import logging
import sys

import pytest

from fer_core.cli import names, natural, run_command, seed
from fer_core.errors import DataError, FerError


@pytest.fixture
def parser():
    return argparse.ArgumentParser(prog="fer-test")


def _raising(error):
    def command(args):
        raise error

    return command


def test_exit_codes_pass_through(parser):
    assert run_command(parser, lambda args: None, []) == 0


def test_own_exit_code(parser):
    assert run_command(parser, lambda args: 3, []) == 3


def test_an_error_for_people_is_one_sentence_and_code_2(parser, capsys):
    code = run_command(parser, _raising(DataError("a.csv: label 9; mend it")), [])
    assert code == 2
    captured = capsys.readouterr()
    assert captured.err == "fer-test: a.csv: label 9; mend it\n"
    assert captured.out == ""


def test_file_system_errors_name_the_file(parser, capsys, tmp_path):
    missing = tmp_path / "missing.jpg"
    assert run_command(parser, lambda args: missing.read_bytes() and None, []) == 2
    assert capsys.readouterr().err == f"fer-test: {missing}: No such file or directory\n"


def test_debug_lets_the_traceback_through(parser):
    with pytest.raises(FerError):
        run_command(parser, _raising(DataError("broken")), ["--debug"])


def test_a_fault_in_the_program_is_not_hidden(parser):
    with pytest.raises(ZeroDivisionError):
        run_command(parser, _raising(ZeroDivisionError()), [])


def test_ctrl_c(parser, capsys):
    assert run_command(parser, _raising(KeyboardInterrupt()), []) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_wrong_options_have_code_2(parser):
    with pytest.raises(SystemExit) as exit_:
        run_command(parser, lambda args: None, ["--no-such-option"])
    assert exit_.value.code == 2


def test_debug_logs_what_we_say_and_not_what_every_library_says(parser, caplog):
    ours, others = logging.getLogger("fer_core.some_module"), logging.getLogger("some_library")

    def command(args):
        ours.debug("read 3 files")
        others.debug("looked for a font")

    run_command(argparse.ArgumentParser(), command, ["--debug"])
    assert caplog.messages == ["read 3 files"]
    caplog.clear()
    run_command(parser, command, [])
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("-1", "must be 0 or more. Got -1"),
        ("x", "must be a whole number. Got 'x'"),
        ("4294967296", "must be below 4294967296"),
    ],
)
def test_seeds_are_natural_numbers(parser, capsys, number, words):
    parser.add_argument("--seed", type=seed)
    with pytest.raises(SystemExit):
        run_command(parser, lambda args: 0, ["--seed", number])
    assert words in capsys.readouterr().err


def test_a_natural_number_is_read():
    assert natural("7") == 7


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_a_list_of_nothing_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="names nothing"):
        names(text)


def test_what_reads_the_output_may_end_first(parser, capfd):
    def write(args):
        raise BrokenPipeError(32, "Broken pipe")

    assert run_command(parser, write, []) == 0
    assert capfd.readouterr().err == ""


def test_names_that_the_terminal_can_not_show_are_escaped(parser, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run_command(parser, lambda args: print("\u00fc.jpg"), []) == 0
    terminal.flush()
    assert terminal.buffer.getvalue() == b"\\xfc.jpg\n"


def test_too_little_memory_is_one_sentence(capsys):
    def command(args):
        raise MemoryError("Unable to allocate 298. GiB")

    assert run_command(argparse.ArgumentParser(prog="p"), command, []) == 2
    error = capsys.readouterr().err
    assert "p: there is too little memory for this (Unable to allocate 298. GiB)" in error
