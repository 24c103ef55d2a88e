# SPDX-License-Identifier: MIT
"""Every program of tests/corpus gives through the service what it gives bare."""
import pytest
from support.service import LONG

import corpus_runner

LANGUAGES = {**corpus_runner.LANGUAGES, **(corpus_runner.LONG_LANGUAGES if LONG else {})}
PROGRAMS = corpus_runner.programs(languages=LANGUAGES)


@pytest.fixture(scope="module")
def corpus(server, request):
    """All chosen programs start at once, four requests in flight; each test waits for its own."""
    chosen = {i.callspec.params["program"].name: i.callspec.params["program"] for i in request.session.items if i.name.startswith("test_same_as_bare[")}
    c = corpus_runner.Corpus(server.url, list(chosen.values()))
    yield c
    c.close()


@pytest.mark.parametrize("program", PROGRAMS, ids=[p.name for p in PROGRAMS])
def test_same_as_bare(corpus, program):
    try:
        corpus.check(program.name)
    except (corpus_runner.Unstable, corpus_runner.Differs) as e:
        pytest.fail(str(e), pytrace=False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_corpus_is_there(language):
    assert sum(p.language == language for p in PROGRAMS) >= LANGUAGES[language]


def test_every_language_has_a_corpus():
    known = {**corpus_runner.LANGUAGES, **corpus_runner.LONG_LANGUAGES}
    assert set(known) == {d.name for d in corpus_runner.CORPUS.iterdir() if d.is_dir()} == {f.stem for f in (corpus_runner.TREE / "share" / "languages").iterdir()}


def program(directory, text, sidecar=None):
    home = directory / "ruby"
    home.mkdir()
    (home / "01-x.rb").write_text(text)
    if sidecar:
        (home / "01-x.json").write_text(sidecar)
    return corpus_runner.Program(home / "01-x.rb")


@pytest.mark.parametrize("text", ["puts Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)", "print Process.pid", "warn rand"])
def test_a_program_that_is_not_stable_is_refused(tmp_path, text):
    with pytest.raises(corpus_runner.Unstable, match="01-x is not stable"):
        corpus_runner.bare(program(tmp_path, text))


@pytest.mark.parametrize("text,sidecar", [("puts 1", '{"verdict": "wall_limit"}'), ("sleep 5", '{"limits": {"wall_ms": 200}}')])
def test_a_sidecar_that_is_not_true_is_refused(tmp_path, text, sidecar):
    with pytest.raises(corpus_runner.Unstable):
        corpus_runner.bare(program(tmp_path, text, sidecar))


@pytest.mark.parametrize("change,found", [
    ({}, None), ({"stdout": "b3V0"}, "they part at byte 3"), ({"stderr": "", "output": "b3V0Cg=="}, "stderr"), ({"exit_code": 4}, "exit_code"), ({"verdict": "signal"}, "verdict"),
    ({"exit_code": None, "signal": "SIGTERM"}, "signal"), ({"truncated": ["stdout"]}, "truncated"), ({"stage": "compile"}, "stage"), ({"status": "failed"}, "status"), ({"output": ""}, "output has 0 bytes")])
def test_every_difference_is_found(tmp_path, monkeypatch, change, found):
    """The comparison itself: a right answer passes, each wrong one is named."""
    p = program(tmp_path, "puts 'out'; warn 'err'; exit 3")
    answer = {"id": "x", "encoding": "base64", "status": "finished", "stage": "run", "language": "ruby", "verdict": "nonzero_exit", "exit_code": 3, "signal": None, "reason": None, "usage": None,
              "output": "b3V0CmVycgo=", "stdout": "b3V0Cg==", "stderr": "ZXJyCg==", "truncated": [], "limits_hit": [], "compile": None, **change}

    class Answer:
        status_code = 200

        def json(self):
            return answer

    monkeypatch.setattr(corpus_runner.requests.Session, "post", lambda *a, **kw: Answer())
    got, evaluation = corpus_runner.run_service(p, "http://127.0.0.1:1")
    if found is None:
        corpus_runner.compare(p, corpus_runner.bare(p), got, evaluation)
    else:
        with pytest.raises(corpus_runner.Differs, match=found):
            corpus_runner.compare(p, corpus_runner.bare(p), got, evaluation)
