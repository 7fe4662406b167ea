"""What the pictures cost: `python benchmarks/viz.py [--quick] [--write]`.

The budgets of the pictures, each measured and printed beside its limit. Times are those of the processor: of one thread
(`thread_time`) where a library is measured alone, of the process and of the programs it starts beside torchviz, which runs
`dot`. In the browser it is the clock. Nothing here is a test: a slow machine fails nobody.
"""

from __future__ import annotations

import argparse
import functools
import os
import pathlib
import random
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # read by the libraries when they load, so before the imports below

import teachgrad  # noqa: E402
from teachgrad import viz  # noqa: E402
from teachgrad.viz.layout import place  # noqa: E402
from teachgrad.viz.views import View  # noqa: E402

REPORT = pathlib.Path(__file__).parents[1] / "docs" / "performance.md"
START, END = "<!-- viz: start -->", "<!-- viz: end -->"
PATIENCE = 60  # seconds that a graph may take before it is given up

Row = tuple[str, str, str]  # what was measured, what came out, what it should be


def scalars(lib: Any) -> Callable[[], Any]:
    """A neuron by hand: 37 nodes, all of them numbers."""
    x = [lib.tensor(0.5 * i - 1, requires_grad=True) for i in range(5)]
    w = [lib.tensor(0.3 * i - 0.4, requires_grad=True) for i in range(5)]

    def forward() -> Any:
        total = x[0] * w[0]
        for a, b in zip(x[1:], w[1:], strict=True):
            total = total + a * b
        out = total.tanh()
        return (out - 1) ** 2 * 0.5 + out * 2 - 1

    return forward


def chain(lib: Any) -> Callable[[], Any]:
    """A scalar used again and again, as in micrograd's lessons."""
    a, b = lib.tensor(2.0, requires_grad=True), lib.tensor(3.0, requires_grad=True)

    def forward() -> Any:
        state = a
        for _ in range(12):
            state = (state * b + a).tanh()
        return state

    return forward


def digits(lib: Any) -> Callable[[], Any]:
    """MLP 784-128-10 with a batch of 64."""
    lib.manual_seed(0)
    images, labels = lib.randn(64, 784), lib.randint(0, 10, (64,))
    w1, w2 = (lib.randn(*size).requires_grad_() for size in ((784, 128), (128, 10)))
    b1, b2 = (lib.zeros(size, requires_grad=True) for size in (128, 10))

    def forward() -> Any:
        hidden = (images @ w1 * 0.03 + b1).relu()
        return lib.nn.functional.cross_entropy(hidden @ w2 * 0.1 + b2, labels)

    return forward


def characters(lib: Any) -> Callable[[], Any]:
    """The character MLP: an embedding of three characters, one hidden layer."""
    lib.manual_seed(0)
    given, wanted = lib.randint(0, 27, (32, 3)), lib.randint(0, 27, (32,))
    table, w1, b1, w2, b2 = (
        lib.randn(*size).requires_grad_() for size in ((27, 10), (30, 200), (200,), (200, 27), (27,))
    )

    def forward() -> Any:
        hidden = (table[given].view(32, 30) @ w1 + b1).tanh()
        return lib.nn.functional.cross_entropy(hidden @ w2 + b2, wanted)

    return forward


LESSONS = {
    "scalars, 37 nodes": scalars,
    "chain of 36 scalar operations": chain,
    "MLP 784-128-10": digits,
    "character MLP": characters,
}


def own_time(work: Callable[[], Any], rounds: int) -> float:
    """Seconds of this thread, the median of several rounds."""
    times = []
    for _ in range(rounds):
        begin = time.thread_time()
        work()
        times.append(time.thread_time() - begin)
    return statistics.median(times)


def drawing(rounds: int) -> Iterator[Row]:
    """One lesson of 37 nodes, as a cell and as a picture."""
    forward = scalars(teachgrad)
    loss = forward()
    nodes = len(viz.draw(loss, names={}).graph.nodes)
    bundle = own_time(lambda: viz.draw(loss, names={})._repr_mimebundle_(), rounds)
    yield f"draw a lesson of {nodes} nodes, Graphviz warm", f"{bundle * 1e3:.0f} ms", "60 ms"
    player = viz.animate(loss, names={})
    cell = len(player.html().encode())
    yield f"its player in a cell ({len(player.trace.events)} events)", f"{cell / 1000:.0f} kB", "100 kB"


def recording(rounds: int, torch: Any) -> Iterator[Row]:
    """`backward()` with hooks over `backward()` without, and what the block costs before and after."""
    for lib in filter(None, (teachgrad, torch)):
        for name, make in LESSONS.items():
            forward, ratios, around = make(lib), [], []
            for _ in range(rounds * 6):
                loss = forward()
                plain = own_time(loss.backward, 1)
                loss = forward()
                begin = time.thread_time()
                recorder = viz.record(loss, names={})
                with recorder:
                    ratios.append(own_time(loss.backward, 1) / plain)
                around.append(time.thread_time() - begin)
            told = f"{statistics.median(ratios):.2f} times (block {statistics.median(around) * 1e3:.0f} ms)"
            yield f"recorded backward / backward, {lib.__name__}, {name}", told, "2 times"
        recorded, fresh = chain(lib), chain(lib)
        with viz.record(recorded(), names={}):
            pass
        times = [(own_time(recorded().backward, 1), own_time(fresh().backward, 1)) for _ in range(rounds * 8)]
        ratio = statistics.median(after / before for after, before in times)
        yield f"backward after a recording has ended / backward, {lib.__name__}", f"{ratio:.2f} times", "1 time"


def layers(lib: Any, nodes: int) -> Any:
    """A graph of about so many nodes: state = tanh(state * w + b), each time with parameters of its own."""
    state = lib.tensor([1.0, 1.0])
    for i in range(max(1, nodes // 7)):
        w = lib.tensor([0.9, 1.1], requires_grad=True)
        b = lib.tensor([0.1, 0.01 * i], requires_grad=True)
        state = (state * w + b).tanh()
    return state


def dense(lib: Any, nodes: int) -> Any:
    """About so many sums and products of numbers, each of two earlier ones, whichever: lines lead everywhere."""
    dice = random.Random(0)
    pool = [lib.tensor(dice.random(), requires_grad=True) for _ in range(20)]
    while len(pool) < nodes:
        a, b = dice.choice(pool), dice.choice(pool)
        pool.append(a * b if dice.random() < 0.5 else a + b)
    return lib.stack(pool[20:]).sum()


def processor_time() -> float:
    """Seconds of the processor so far, in this process and in the programs that it started and waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def all_time(work: Callable[[], Any]) -> float:
    """Seconds of the processor that the work takes, programs that it starts included."""
    begin = processor_time()
    work()
    return processor_time() - begin


def beside_torchviz(torch: Any, sizes: tuple[int, ...]) -> Iterator[Row]:
    """An SVG of PyTorch's graph, ours and torchviz with `dot`."""
    try:
        from torchviz import make_dot
    except ImportError:
        make_dot = None
    if torch is None or make_dot is None or shutil.which("dot") is None:
        yield "beside torchviz and dot", "not measured: needs PyTorch, torchviz and dot", ""
        return
    given_up = False
    for size in sizes:
        ours, whole, theirs = svg_times(torch, size, None if given_up else make_dot)
        given_up = theirs is None
        every = f", every node drawn {whole * 1e3:.0f} ms" if whole is not None else ""
        told = f"fails, or over {PATIENCE} s" if theirs is None else f"{theirs * 1e3:.0f} ms"
        yield f"SVG of {size:,} nodes", f"{ours * 1e3:.0f} ms{every}; torchviz and dot {told}", "faster"


def svg_times(torch: Any, size: int, make_dot: Any) -> tuple[float, float | None, float | None]:
    """Seconds for the SVG of one graph: ours as it comes, ours with every node, and torchviz with `dot`.

    The best of some rounds in turns, since what else runs on the machine only ever makes them slower.
    """
    state, times = layers(torch, size), []
    for _ in range(5 if size <= 1000 else 1):
        ours = all_time(lambda: viz.draw(state, names={}).svg())
        whole = all_time(lambda: viz.draw(state, names={}, collapse=False).svg()) if size <= 1000 else None
        times.append((ours, whole, in_time(lambda: make_dot(state).pipe("svg")) if make_dot else None))
    ours, whole, theirs = (
        min((t for t in column if t is not None), default=None) for column in zip(*times, strict=True)
    )
    assert ours is not None
    return ours, whole, theirs


def in_time(work: Callable[[], Any]) -> float | None:
    """Seconds (see `all_time`), or None when it takes too long. The work runs in a process of its own, which is ended."""
    done, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        sys.setrecursionlimit(100_000)  # torchviz walks the graph by recursion
        try:
            os.write(told, f"{all_time(work)}".encode())
        finally:
            os._exit(0)
    os.close(told)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            found = os.read(done, 100)
            return float(found) if found else None
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)  # and with it dot, which it waits for
    os.waitpid(child, 0)
    return None


def large(torch: Any) -> Iterator[Row]:
    """A graph of 10,000 nodes, closed to what can be read."""
    for lib in filter(None, (teachgrad, torch)):
        for kind, make in (("", layers), (", any to any", dense)):
            seconds = own_time(functools.partial(draw_all, make(lib, 10_000)), 1)
            yield (
                f"capture, layout and SVG of 10,000 nodes of {lib.__name__}{kind}, collapsed",
                f"{seconds:.2f} s",
                "2 s",
            )


def draw_all(tensor: Any) -> str:
    svg: str = viz.draw(tensor, names={}).svg()
    return svg


_STEP = """async () => {
    const next = document.querySelector(".tg-next"), times = [], frames = [];
    for (let i = 0; i < 150; i++) {
        const begin = performance.now();
        next.click();
        document.body.getBoundingClientRect();
        times.push(performance.now() - begin);
        const painted = await new Promise((done) => requestAnimationFrame(done));
        frames.push(painted);
    }
    const gaps = frames.slice(1).map((at, i) => at - frames[i]).sort((a, b) => a - b);
    times.sort((a, b) => a - b);
    return [times[75], times[142], gaps[75]];
}"""


def in_the_browser() -> Iterator[Row]:
    """One step of the player, every one of 350 nodes drawn, in a headless Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        yield "a step in the browser", "not measured: needs Playwright", ""
        return
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        yield "a step in the browser", "not measured: needs Chromium", ""
        return
    player = viz.animate(layers(teachgrad, 350).sum(), names={})
    player.views = {"": View(player.trace, place(player.trace.graph, player.trace))}  # type: ignore[misc]  no group closed
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = player.save(pathlib.Path(folder) / "page.html")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(path.as_uri())
        page.locator(".tg-stage").wait_for()
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable")

        def spent() -> float:
            """Seconds of the processor that the page's own thread has used: scripts, layout and painting."""
            metrics = devtools.send("Performance.getMetrics")["metrics"]
            return float(next(metric["value"] for metric in metrics if metric["name"] == "ThreadTime"))

        begin = spent()
        middle, most, gap = page.evaluate(_STEP)
        own = (spent() - begin) / 150
        browser.close()
    nodes = len(player.trace.graph.nodes)
    told = (
        f"{middle:.1f} ms (19 of 20 under {most:.1f} ms), a frame every {gap:.1f} ms; with painting and motion "
        f"{own * 1e3:.1f} ms of the processor"
    )
    yield f"a step of the player, {nodes} nodes drawn", told, "16 ms"


def main() -> None:
    """Measure, print, and with --write put the table into docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no graph of 5,000 nodes")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        torch = None  # type: ignore[assignment]
    else:
        torch.set_num_threads(1)
    rounds, sizes = (5, (10, 100, 1000)) if options.quick else (15, (10, 100, 1000, 5000))
    viz.draw(layers(teachgrad, 10), names={}).svg()  # Graphviz is loaded and warm from here on
    rows = []
    for part in (
        drawing(rounds),
        recording(rounds, torch),
        large(torch),
        in_the_browser(),
        beside_torchviz(torch, sizes),
    ):
        for what, found, limit in part:
            print(f"{what:72} {found:>40}   limit: {limit}", flush=True)
            rows.append(f"| {what} | {found} | {limit} |")
    if options.write:
        table = "\n".join(["| what | measured | limit |", "|---|---|---|", *rows])
        before, _, rest = REPORT.read_text().partition(START)
        after = rest.partition(END)[2]
        REPORT.write_text(f"{before}{START}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
