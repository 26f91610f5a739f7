"""`deferrous run`: a program does what it does under plain Python, on deferrous."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from deferrous import _run, _versions

from tests.children import Outcome, environment, python

#: Programs, each with what it is about.
PROGRAMS = {
    "arguments": "import sys; print(sys.argv)",
    "path": "import sys; print(sys.path)",
    "main": """
        import __main__, sys
        names = {name: value for name, value in vars(__main__).items() if name.startswith("__")}
        names.pop("__builtins__"); names.pop("__loader__")
        print(names, type(__main__.__loader__), sys.modules["__main__"] is __main__)
        """,
    "flags": "import sys; print(sys.flags, sys.warnoptions, sys._xoptions)",
    "raises": """
        def inner(): raise ValueError("inner")
        def outer():
            try:
                inner()
            except ValueError as error:
                raise RuntimeError("outer") from error
        outer()
        """,
    "syntax error": "def broken(:\\n",
    "exits with a number": "import sys; sys.exit(3)",
    "exits with a text": "import sys; sys.exit('a text')",
    "exits with nothing": "import sys; sys.exit()",
    "raises SystemExit": "raise SystemExit(True)",
    "is interrupted": "raise KeyboardInterrupt",
    "is terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "is aborted": "import os; os._exit(7)",
    "has a hook": """
        import sys
        sys.excepthook = lambda kind, error, traceback: print("hooked", kind, error, traceback.tb_next)
        raise ValueError("once")
        """,
    "prints at the end": "import atexit; atexit.register(print, 'the end'); print('the beginning')",
    "reads": "print(input() + input())",
    "pickles": """
        import pickle
        class Kept: pass
        print(type(pickle.loads(pickle.dumps(Kept()))) is Kept)
        """,
    "has processes": """
        import multiprocessing
        def double(number): return 2 * number
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(double, [1, 2]))
        """,
    "leaves a thread": "import threading, time; threading.Timer(0.1, print, ['later']).start()",
    "has a source": """
        import inspect, warnings
        def function(): return 1
        print(inspect.getsource(function))
        warnings.warn("look")
        """,
}

IS_OURS = "from twisted.internet import defer; import deferrous; print(deferrous.installed())"


def both(
    *arguments: str, cwd: Path, stdin: str = "", options: tuple[str, ...] = ()
) -> tuple[Outcome, Outcome]:
    """Run a program as plain Python does, and as deferrous does."""
    plain = python(*options, *arguments, cwd=cwd, stdin=stdin)
    ours = python(*options, "-m", "deferrous", "run", *arguments, cwd=cwd, stdin=stdin)
    return without_addresses(plain), without_addresses(ours)


def without_addresses(outcome: Outcome) -> Outcome:
    """Return an outcome in which no object says where in memory it is."""
    out, err = (re.sub(r"0x[0-9a-f]+", "0x", text) for text in (outcome.out, outcome.err))
    return Outcome(outcome.status, out, err)


def write(path: Path, source: str) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source))
    return path


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_script_does_the_same(name: str, tmp_path: Path) -> None:
    write(tmp_path / "folder" / "script.py", PROGRAMS[name])
    arguments = ("folder/script.py", "-x", "--help", "run", "two words", "")
    plain, ours = both(*arguments, cwd=tmp_path, stdin="one\ntwo\n")
    assert ours == plain


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_module_does_the_same(name: str, tmp_path: Path) -> None:
    write(tmp_path / "package" / "__init__.py", "")
    write(tmp_path / "package" / "module.py", PROGRAMS[name])
    plain, ours = both("-m", "package.module", "-x", "-m", cwd=tmp_path, stdin="one\ntwo\n")
    assert ours == plain


def test_a_package_with_a_main_does_the_same(tmp_path: Path) -> None:
    write(tmp_path / "package" / "__init__.py", "print('package')")
    write(tmp_path / "package" / "__main__.py", PROGRAMS["main"] + PROGRAMS["arguments"])
    plain, ours = both("-m", "package", "one", cwd=tmp_path)
    assert ours == plain
    assert plain.status == 0


def test_a_folder_and_a_zip_file_do_the_same(tmp_path: Path) -> None:
    source = textwrap.dedent(PROGRAMS["main"]) + PROGRAMS["arguments"] + "\n" + PROGRAMS["path"] + "\n1/0\n"
    main = write(tmp_path / "folder" / "__main__.py", source)
    with zipfile.ZipFile(tmp_path / "folder.zip", "w") as archive:
        archive.write(main, "__main__.py")
    for program in ("folder", "folder.zip"):
        plain, ours = both(program, "one", cwd=tmp_path)
        assert ours == plain
        assert "ZeroDivisionError" in plain.err


def test_standard_input_does_the_same(tmp_path: Path) -> None:
    plain, ours = both("-", "one", cwd=tmp_path, stdin="import sys; print(sys.argv); sys.exit(4)")
    assert ours == plain
    assert plain.status == 4


def test_a_link_does_the_same(tmp_path: Path) -> None:
    write(tmp_path / "folder" / "script.py", PROGRAMS["path"] + "; print(__file__)")
    (tmp_path / "link.py").symlink_to(Path("folder", "script.py"))
    plain, ours = both("link.py", cwd=tmp_path)
    assert ours == plain


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.py"],
        ["-m", "missing"],
        ["-m", "missing.module"],
        ["-m", "no_main"],
        ["no_main"],
        ["unreadable.zip"],
    ],
    ids=" ".join,
)
def test_a_program_that_cannot_run_fails_as_under_python(arguments: list[str], tmp_path: Path) -> None:
    write(tmp_path / "no_main" / "__init__.py", "")
    (tmp_path / "unreadable.zip").write_bytes(b"PK\x05\x06nothing\0")
    plain, ours = both(*arguments, cwd=tmp_path)
    assert ours == plain
    assert plain.status != 0


def test_options_of_python_are_passed_on(tmp_path: Path) -> None:
    write(tmp_path / "script.py", PROGRAMS["flags"])
    options = ("-O", "-Xdev", "-W", "error::FutureWarning", "-bIu")
    plain, ours = both("script.py", cwd=tmp_path, options=options)
    assert ours == plain
    assert "optimize=1" in plain.out


def test_programs_and_their_children_run_on_deferrous(tmp_path: Path) -> None:
    script = write(
        tmp_path / "script.py",
        f"""
        import subprocess, sys
        {IS_OURS}
        sys.stdout.flush()
        subprocess.run([sys.executable, "-c", {IS_OURS!r}])
        """,
    )
    for start in (["script.py"], ["-m", "script"]):
        for value in (None, "0", "1", "nonsense"):
            outcome = python("-m", "deferrous", "run", *start, env=environment(DEFERROUS=value), cwd=tmp_path)
            assert outcome == (0, "True\nTrue\n", ""), (start, value)
    assert python(str(script)).out == "False\nFalse\n"


def test_the_console_script_runs_programs(tmp_path: Path) -> None:
    write(tmp_path / "script.py", IS_OURS + "\nimport sys; print(sys.argv, sys.path[0])")
    console_script = Path(sys.executable).with_name("deferrous")
    done = subprocess.run(
        [str(console_script), "run", "script.py", "-m"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"True\n['script.py', '-m'] {tmp_path}\n"


def test_signals_reach_the_program_itself(tmp_path: Path) -> None:
    script = """
        import os, signal, sys, time
        signal.signal(signal.SIGUSR1, lambda number, frame: sys.exit(5))
        print(os.getpid(), flush=True)
        # Not signal.pause(): a signal that comes just before it does not end it.
        while True:
            time.sleep(0.01)
        """
    write(tmp_path / "script.py", script)
    with subprocess.Popen(
        [sys.executable, "-m", "deferrous", "run", "script.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        os.kill(process.pid, signal.SIGUSR1)
        assert process.wait() == 5


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["python", "-m", "deferrous", "run", "-O"], []),
        (["python", "-O", "-B", "-m", "deferrous"], ["-O", "-B"]),
        (["python", "-OBm", "deferrous"], ["-OB"]),
        (["python", "-Imdeferrous", "-O"], ["-I"]),
        (["python", "-W", "error", "-X", "dev", "-m", "deferrous"], ["-W", "error", "-X", "dev"]),
        (
            ["python", "-Werror", "-Xfrozen_modules=off", "-m", "deferrous"],
            ["-Werror", "-Xfrozen_modules=off"],
        ),
        (["python", "-bX", "dev", "-mdeferrous"], ["-bX", "dev"]),
        (["python", "--check-hash-based-pycs", "always", "-m", "d"], ["--check-hash-based-pycs", "always"]),
        (["python", "-s", "/bin/deferrous", "run", "-O"], ["-s"]),
        (["python", "/bin/deferrous"], []),
        (["python", "-c", "code", "-O"], []),
        (["python", "-", "-O"], []),
        (["python"], []),
    ],
)
def test_options_of_python_are_found_in_its_command_line(command: list[str], options: list[str]) -> None:
    assert _run.interpreter_options(command) == options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which program? Name a SCRIPT, or -m and a MODULE."),
        (["-m"], "which module? A MODULE has to follow -m."),
        (["-c", "pass"], "there is no option -c. Options of python go before -m deferrous"),
        (["--quick", "script.py"], "there is no option --quick."),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], message: str) -> None:
    outcome = python("-m", "deferrous", "run", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"deferrous run: {message}")


def test_without_the_start_up_file_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_run, "start_up_file", lambda: None)
    assert _run.run(["script.py"]) == 2
    message = capsys.readouterr().err
    assert "the start-up file deferrous_autostart.pth is not in this environment" in message
    assert "call deferrous.install() at the top of the program" in message


def test_an_unsupported_version_is_refused_before_the_program_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("twisted.__version__", "99.1.0")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("the program was started"))
    assert _run.run(["script.py"]) == 2
    assert capsys.readouterr().err.startswith("deferrous run: Twisted 99.1.0 is not supported.")
    monkeypatch.setattr(_versions, "LAST_PYTHON", (3, 9))
    assert _run.run(["script.py"]) == 2
    assert f"deferrous run: {_versions.python_name()} is not supported" in capsys.readouterr().err


def test_an_unsupported_version_that_the_environment_allows_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twisted.__version__", "99.1.0")
    monkeypatch.setattr(_versions, "LAST_PYTHON", (3, 9))
    monkeypatch.setenv("DEFERROUS_ALLOW_UNTESTED", "1")
    assert _versions.version_problem() is None
    monkeypatch.setenv("DEFERROUS_ALLOW_UNTESTED", "perhaps")
    assert _run.run(["script.py"]) == 2


def test_the_start_up_file_is_found_where_python_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import site

    assert _run.start_up_file() is not None
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path / "first"), str(tmp_path)])
    monkeypatch.setattr(site, "ENABLE_USER_SITE", False)
    assert _run.start_up_file() is None
    (tmp_path / "deferrous_autostart.pth").touch()
    assert _run.start_up_file() == str(tmp_path / "deferrous_autostart.pth")
