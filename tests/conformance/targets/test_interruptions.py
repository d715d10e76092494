"""Interruptions come at once, or when what must not be half done is done."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from conformance.targets.interruptions import Interruptions

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@BOTH
def test_interrupts(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), Interruptions():
        send(number)


@BOTH
def test_waits_for_what_is_held(number: signal.Signals) -> None:
    done = []

    def work(interruptions: Interruptions) -> None:
        with interruptions.held():
            send(number)
            done.append("held")
        done.append("gone on")

    with pytest.raises(KeyboardInterrupt), Interruptions() as interruptions:
        work(interruptions)
    assert done == ["held"]


def test_waits_for_the_outermost_that_is_held() -> None:
    done = []

    def work(interruptions: Interruptions) -> None:
        with interruptions.held():
            with interruptions.held():
                send(signal.SIGTERM)
            done.append("held")
        done.append("gone on")

    with pytest.raises(KeyboardInterrupt), Interruptions() as interruptions:
        work(interruptions)
    assert done == ["held"]


def test_a_second_one_does_not_wait() -> None:
    done = []

    def work(interruptions: Interruptions) -> None:
        with interruptions.held():
            for turn in ("first", "second"):
                send(signal.SIGINT)
                done.append(turn)

    with pytest.raises(KeyboardInterrupt), Interruptions() as interruptions:
        work(interruptions)
    assert done == ["first"]


def test_one_signal_interrupts_once() -> None:
    done = []
    with Interruptions() as interruptions:
        with pytest.raises(KeyboardInterrupt), interruptions.held():
            send(signal.SIGINT)
        with interruptions.held():
            done.append("held")
    assert done == ["held"]


@BOTH
def test_sets_back_what_was_there(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interruptions():
        assert signal.getsignal(number) != before
    assert signal.getsignal(number) == before


def test_leaves_alone_what_is_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruptions():
            send(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_does_nothing_beside_the_main_thread() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with Interruptions() as interruptions, interruptions.held():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
