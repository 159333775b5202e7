"""Where the Temporal executable comes from."""

from pathlib import Path

import pytest

from adapters.local import temporal_build, temporal_download
from adapters.local.temporal_binary import MODULE, cache_folder, find_binary, make_binary
from adapters.local.temporal_version import cached_name, is_new_enough, server_version
from domain.errors import InvalidInput, SniperError

GOOD = "temporal version 1.8.2 (Server 1.32.0, UI 2.50.1)"
OLD = "temporal version 1.1.0 (Server 1.25.0, UI 2.30.0)"


def an_executable(path: Path, version: str) -> Path:
    """A program that says it is Temporal of this version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)
    return path


def a_module(folder: Path) -> Path:
    """A Go module like the one the executable is built from."""
    folder.mkdir()
    (folder / "go.mod").write_text(
        "module x\n\nrequire (\n\tgithub.com/temporalio/cli v1.8.2 // indirect\n\tgo.temporal.io/server v1.32.0\n)\n"
    )
    (folder / "go.sum").write_text("sums\n")
    return folder


@pytest.mark.parametrize(
    ("output", "version"),
    [(GOOD, (1, 32, 0)), (OLD, (1, 25, 0)), ("temporal version 0.1 (server 0.0)", None), ("", None)],
)
def test_the_server_version_is_read_from_the_output(output: str, version: tuple[int, ...] | None) -> None:
    """The server's number counts, not the command line tool's."""
    assert server_version(output) == version


@pytest.mark.parametrize(
    ("version", "enough"), [((1, 32, 0), True), ((1, 31, 9), False), ((2, 0), True), (None, False)]
)
def test_old_and_unknown_servers_are_not_enough(version: tuple[int, ...] | None, enough: bool) -> None:
    """Version numbers compare as numbers."""
    assert is_new_enough(version) is enough


def test_the_named_executable_comes_first(tmp_path: Path) -> None:
    """SNIPER_TEMPORAL_CLI wins over the PATH."""
    named = an_executable(tmp_path / "named" / "my-temporal", GOOD)
    an_executable(tmp_path / "path" / "temporal", GOOD)

    found = find_binary({"SNIPER_TEMPORAL_CLI": str(named), "PATH": str(tmp_path / "path")})

    assert found == named


@pytest.mark.parametrize("version", [OLD, "hello"])
def test_a_named_executable_that_is_too_old_is_refused(tmp_path: Path, version: str) -> None:
    """What the operator named is not replaced in silence."""
    named = an_executable(tmp_path / "temporal", version)

    with pytest.raises(InvalidInput, match=r"at least 1\.32"):
        find_binary({"SNIPER_TEMPORAL_CLI": str(named)})


def test_an_old_executable_on_the_path_is_passed_over(tmp_path: Path) -> None:
    """The cached one is taken instead."""
    an_executable(tmp_path / "path" / "temporal", OLD)
    module = a_module(tmp_path / "module")
    environ = {"PATH": str(tmp_path / "path"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    cached = an_executable(cache_folder(environ) / cached_name(module), GOOD)

    assert find_binary(environ, module=module) == cached


def test_a_changed_module_is_another_file(tmp_path: Path) -> None:
    """The name carries both versions and a digest of the module."""
    module = a_module(tmp_path / "module")
    before = cached_name(module)
    (module / "go.sum").write_text("other sums\n")

    assert before.startswith("temporal-1.8.2-server-1.32.0-")
    assert cached_name(module) != before


def test_the_committed_module_names_a_server_that_is_new_enough() -> None:
    """What we build is what we accept."""
    version = cached_name(MODULE).split("-server-")[1].split("-")[0]

    assert is_new_enough(tuple(int(part) for part in version.split(".")))


def test_a_download_goes_before_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds before minutes."""
    module = a_module(tmp_path / "module")
    asked: list[str] = []

    def download(version: str, destination: Path) -> None:
        asked.append(version)
        an_executable(destination, GOOD)

    monkeypatch.setattr(temporal_download, "download", download)
    made = make_binary({"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}, module=module)

    assert asked == ["1.8.2"]
    assert made == tmp_path / "mexc-sniper" / cached_name(module)


def test_without_a_download_it_is_built_with_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build runs in the module's folder without cgo, and the file appears only when it is complete."""
    module = a_module(tmp_path / "module")
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        "#!/bin/sh\n"
        'echo "$PWD $CGO_ENABLED $*" > "$0.log"\n'
        'while [ "$1" != -o ]; do shift; done\n'
        f'printf \'#!/bin/sh\\necho "{GOOD}"\\n\' > "$2"\n'
        'chmod +x "$2"\n'
    )
    go.chmod(0o755)
    monkeypatch.setattr(temporal_download, "download", _no_network)

    made = make_binary({"PATH": str(go.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}, module=module)

    called = (tmp_path / "bin" / "go.log").read_text()
    assert called.startswith(f"{module} 0 build -mod=readonly -trimpath -ldflags -s -w -o ")
    assert called.rstrip().endswith(temporal_build.PACKAGE)
    assert find_binary({"PATH": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}, module=module) == made
    assert [path.name for path in made.parent.iterdir() if "unfinished" in path.name] == []


def test_a_failed_build_shows_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's words reach the operator, and no file is left that looks finished."""
    module = a_module(tmp_path / "module")
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text("#!/bin/sh\necho 'no space left on device'\nexit 1\n")
    go.chmod(0o755)
    environ = {"PATH": str(go.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    monkeypatch.setattr(temporal_download, "download", _no_network)

    with pytest.raises(SniperError, match="no space left on device"):
        make_binary(environ, module=module)

    assert find_binary(environ, module=module) is None


def test_without_network_and_go_everything_tried_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line: what was tried, and what to do."""
    module = a_module(tmp_path / "module")
    monkeypatch.setattr(temporal_download, "download", _no_network)

    with pytest.raises(SniperError) as failure:
        make_binary({"PATH": "", "XDG_CACHE_HOME": str(tmp_path)}, module=module)

    text = str(failure.value)
    assert "no way out" in text
    assert "no Go on the PATH" in text
    assert "TEMPORAL_ADDRESS" in text
    assert "\n" not in text


def _no_network(version: str, destination: Path) -> None:
    raise SniperError("no way out")
