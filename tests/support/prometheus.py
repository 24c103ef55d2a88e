# SPDX-License-Identifier: MIT
"""Prometheus' text format 0.0.4, read strictly: what is not in its grammar, or not as a histogram must be, fails the test."""
import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?)|[+-]Inf|NaN")


class Page:
    """samples: (name, frozenset of label pairs) → value. kinds, helps: by family."""

    def __init__(self, text):
        assert text.endswith("\n") and "\r" not in text
        self.samples, self.kinds, self.helps = {}, {}, {}
        self.order = []
        family = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                name, help_ = line[7:].split(" ", 1)
                assert NAME.fullmatch(name) and name not in self.helps, line
                assert help_ and "\\" not in help_
                self.helps[name] = help_
                family = name
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                assert name == family and name not in self.kinds, line
                assert kind in ("counter", "gauge", "histogram"), line
                self.kinds[name] = kind
                self.order.append(name)
            else:
                self._sample(family, line)
        assert set(self.kinds) == set(self.helps)
        for name, kind in self.kinds.items():
            assert any(self._family(n) == name for n, _ in self.samples), f"{name} has no sample"
            if kind == "histogram":
                self._check_histogram(name)

    def _family(self, name):
        if name in self.kinds:
            return name
        return re.sub("_(bucket|sum|count)$", "", name)

    def _sample(self, family, line):
        m = SAMPLE.fullmatch(line)
        assert m, line
        name, text, value = m.groups()
        assert NUMBER.fullmatch(value), line
        # All of a family stand together, below its head.
        if self.kinds[family] == "histogram":
            assert name in (family + "_bucket", family + "_sum", family + "_count"), line
        else:
            assert name == family, line
        labels = []
        while text:
            pair = LABEL.match(text)
            assert pair, line
            labels.append((pair[1], re.sub(r'\\(["\\n])', lambda e: "\n" if e[1] == "n" else e[1], pair[2])))
            text = text[pair.end() :]
            assert not text or text[0] == ",", line
            assert text != ",", line
            text = text[1:]
        assert len(dict(labels)) == len(labels), line
        key = (name, frozenset(labels))
        assert key not in self.samples, "twice: " + line
        v = float(value)
        if self.kinds[family] != "gauge":
            assert v >= 0 and math.isfinite(v), line
        self.samples[key] = v

    def _check_histogram(self, name):
        series = {frozenset(p for p in labels if p[0] != "le") for n, labels in self.samples if self._family(n) == name}
        for labels in series:
            buckets = [(float(dict(l)["le"]), v) for (n, l), v in self.samples.items() if n == name + "_bucket" and frozenset(p for p in l if p[0] != "le") == labels]
            assert buckets == sorted(buckets) and len({le for le, _ in buckets}) == len(buckets), (name, labels)
            assert [v for _, v in buckets] == sorted(v for _, v in buckets), (name, labels)
            assert buckets[-1][0] == math.inf and buckets[-1][1] == self.samples[(name + "_count", labels)], (name, labels)
            assert (name + "_sum", labels) in self.samples

    def value(self, name, **labels):
        """None when there is no such sample."""
        return self.samples.get((name, frozenset(labels.items())))

    def of(self, name):
        """labels → value of all samples with this name."""
        return {l: v for (n, l), v in self.samples.items() if n == name}

    def labels(self, name, label):
        return {dict(l)[label] for n, l in self.samples if n == name}


def moved(before, after, name):
    """What has changed between two pages, of the samples with this name: labels → difference."""
    old, new = before.of(name), after.of(name)
    assert set(old) <= set(new), "a series of %s has gone" % name
    return {l: v - old.get(l, 0) for l, v in new.items() if v != old.get(l, 0)}
