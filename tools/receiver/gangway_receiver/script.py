# SPDX-License-Identifier: Apache-2.0
"""Misbehaviour on request: steps that say what goes wrong with which request.

A step is a JSON object: {"do": NAME, "times": N, ...}. `times` requests are
affected (1 by default, 0 = for ever). It may be narrowed by "class", "replay",
"min_events" and "contains" (regular expression, searched in an event's JSON).
Steps that mark events (reject, retry, conflict) all apply; of the others the
first that fits. `cut`, `half` and the like act after the commit: the centre has
the events and the gateway cannot know.

  do               parameters (default)            when
  status           status, body (problem|html|text|none), code, retry_after  before
  proxy_400        -  HTML as nginx sends it for a bad client certificate    before
  portal           -  200 with HTML, as a captive portal                     before
  bare_200 bare_204  -                                                       before
  too_large        max_events, max_bytes: 413 above either                   before
  problem_if       status (422), code (schema): the whole batch, if an event
                   contains the pattern                                      before
  no_answer        seconds (60): nothing, then the end of the connection     before
  close            - the end of the connection at once, nothing taken        before
  reject           code (refused_by_script): verdict of matching events      mark
  retry            verdict of matching events                                mark
  conflict         verdict of matching events                                mark
  cut              - the end of the connection instead of an answer          after
  half             share (0.5) of the answer, then the end                   after
  slow             seconds (2) before the answer                             after
  no_answer_after  seconds (60)                                              after
  status_after     status (500), body, code, retry_after                     after
  wrong_echo       epoch, class, first, last: other values in the echo       after
  already_stored   - 409 with the echo                                       after
  other_409        code (in_use): 409 without the echo                       after
  credit           max_events, max_rate, pause_class, pause_s                after
  results_only     skip (0): results for all but the last `skip` ids, no echo after
  close_on_accept  - the TCP connection is closed at once                accept
"""
import re
import threading

from . import strictjson
from .wire import Response

MARKS = {"reject": "rejected", "retry": "retry", "conflict": "conflict"}
PORTAL = b"<html><head><title>Welcome</title></head><body>Please log in to the guest " \
         b"network.</body></html>"
PROXY = (b"<html>\r\n<head><title>400 The SSL certificate error</title></head>\r\n<body>\r\n"
         b"<center><h1>400 Bad Request</h1></center>\r\n<center>The SSL certificate error"
         b"</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")


class Outcome:
    """What goes back: a response (None = nothing), after a delay, whole or in part."""

    def __init__(self, response=None, delay_s=0.0, share=1.0, close=False):
        self.response = response
        self.delay_s = delay_s
        self.share = share
        self.close = close or response is None or share < 1.0


def _status_response(step, default):
    status = step.get("status", default)
    headers = []
    if "retry_after" in step:
        headers.append(("Retry-After", str(step["retry_after"])))
    kind = step.get("body", "problem")
    if kind == "problem":
        return Response.problem(status, step.get("code", "scripted"), "by script", headers)
    bodies = {"html": (b"<html><body>Error</body></html>", "text/html"),
              "text": (b"error\n", "text/plain"), "none": (b"", None)}
    body, content_type = bodies[kind]
    return Response(status, body, content_type, headers)


def _no_answer(step):
    return Outcome(None, delay_s=step.get("seconds", 60))


def _problem_if(step):
    return Outcome(Response.problem(step.get("status", 422), step.get("code", "schema"),
                                    "an event of the batch, by script"))


BEFORE = {
    "status": lambda step: Outcome(_status_response(step, 503)),
    "proxy_400": lambda step: Outcome(Response(400, PROXY, "text/html")),
    "portal": lambda step: Outcome(Response(200, PORTAL, "text/html")),
    "bare_200": lambda step: Outcome(Response(200)),
    "bare_204": lambda step: Outcome(Response(204)),
    "too_large": lambda step: Outcome(Response.problem(413, "too_large", "by script")),
    "problem_if": _problem_if,
    "no_answer": _no_answer,
    "close": lambda step: Outcome(None),
}


def _wrong_echo(step, answer):
    wrong = dict(answer)
    wrong.update({name: step[name] for name in ("epoch", "class", "first", "last")
                  if name in step})
    if wrong == answer:
        wrong["last"] = answer["last"] + 1
    return Outcome(Response.json(200, wrong))


def _already_stored(step, answer):
    body = dict(answer, type="urn:gangway:problem:already_stored", title="already stored",
                status=409, code="already_stored")
    return Outcome(Response.json(409, body, "application/problem+json"))


def _credit(step, answer):
    credit = {name: step[name] for name in ("max_events", "max_rate", "pause_class", "pause_s")
              if name in step}
    return Outcome(Response.json(200, dict(answer, credit=credit)))


def _results_only(step, answer):
    results = answer["results"][:len(answer["results"]) - step.get("skip", 0)]
    return Outcome(Response.json(200, {"contract": 1, "results": results}))


AFTER = {
    "cut": lambda step, answer: Outcome(None),
    "half": lambda step, answer: Outcome(Response.json(200, answer),
                                         share=step.get("share", 0.5)),
    "slow": lambda step, answer: Outcome(Response.json(200, answer), step.get("seconds", 2)),
    "no_answer_after": lambda step, answer: _no_answer(step),
    "status_after": lambda step, answer: Outcome(_status_response(step, 500)),
    "wrong_echo": _wrong_echo,
    "already_stored": _already_stored,
    "other_409": lambda step, answer: Outcome(
        Response.problem(409, step.get("code", "in_use"), "by script")),
    "credit": _credit,
    "results_only": _results_only,
}
# These need every id in the answer's results.
NEEDS_ALL_RESULTS = frozenset(["results_only"])


class Plan:
    """What the script does to one request."""

    def __init__(self, step=None):
        self._step = step
        self.name = step["do"] if step else ""

    @property
    def all_results(self):
        """Whether the answer must name every event."""
        return self.name in NEEDS_ALL_RESULTS

    def before(self):
        """Outcome instead of taking the batch, or None."""
        make = BEFORE.get(self.name)
        return make(self._step) if make else None

    def after(self, answer):
        """Outcome after the batch was taken; `answer` is the honest one."""
        make = AFTER.get(self.name)
        return make(self._step, answer) if make else Outcome(Response.json(200, answer))


class Script:
    """The steps left, changed at run time by the control port."""

    def __init__(self, steps=()):
        self._lock = threading.Lock()
        self._steps = []
        self.add(steps)

    def add(self, steps):
        """Append steps; ValueError names what is wrong, nothing is added then."""
        checked = [_check(step) for step in steps]
        with self._lock:
            self._steps += checked

    def replace(self, steps):
        """Only these steps from now on."""
        checked = [_check(step) for step in steps]
        with self._lock:
            self._steps = checked

    def left(self):
        """The steps not used up."""
        with self._lock:
            return [{name: value for name, value in step.items() if name[0] != "_"}
                    for step in self._steps]

    def closes_on_accept(self):
        """Whether this new connection is to be closed at once."""
        with self._lock:
            for step in self._steps:
                if step["do"] == "close_on_accept":
                    self._use(step)
                    return True
        return False

    def plan(self, batch):
        """Mark events of the batch and choose what happens to it."""
        with self._lock:
            chosen = None
            for step in list(self._steps):
                is_mark = step["do"] in MARKS
                if step["do"] == "close_on_accept" or (chosen and not is_mark):
                    continue
                matching = _matching(step, batch)
                if not matching:
                    continue
                self._use(step)
                if is_mark:
                    _mark(step, batch, matching)
                else:
                    chosen = step
            return Plan(chosen)

    def _use(self, step):
        if step["times"] == 0:
            return
        step["times"] -= 1
        if step["times"] == 0:
            self._steps.remove(step)


def _check(step):
    if type(step) is not dict or step.get("do") not in \
            BEFORE.keys() | AFTER.keys() | MARKS.keys() | {"close_on_accept"}:
        raise ValueError(f"unknown step {step!r}"[:200])
    step = dict(step)
    times = step.setdefault("times", 1)
    if type(times) is not int or times < 0:
        raise ValueError(f"times: found {times!r}, allowed: 0 or more")
    if "contains" in step:
        step["_pattern"] = re.compile(step["contains"])
    if step["do"] in ("problem_if",) + tuple(MARKS) and "contains" not in step:
        raise ValueError(f"{step['do']} needs 'contains'")
    return step


def _matching(step, batch):
    """Indices the step is about; empty = the step does not fit this batch."""
    if step.get("class", batch.flow_class) != batch.flow_class \
            or step.get("replay", batch.replay) != batch.replay \
            or len(batch.events) < step.get("min_events", 0):
        return ()
    if step["do"] == "too_large" and len(batch.events) <= step.get("max_events", 1 << 30) \
            and len(batch.raw) <= step.get("max_bytes", 1 << 40):
        return ()
    if "_pattern" not in step:
        return range(len(batch.events))
    search = step["_pattern"].search
    return [i for i, event in enumerate(batch.events) if search(strictjson.plain(event))]


def _mark(step, batch, indices):
    for i in indices:
        if i not in batch.tombstones and i not in batch.marks:
            batch.marks[i] = (MARKS[step["do"]], step.get("code", "refused_by_script"),
                              "by script")
