"""Whole lessons: the same script with the same seed starts from the same parameters and sees the same losses."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import numbers  # noqa: E402

STEPS = 100


def linear_regression(torch):
    nn = torch.nn
    x = torch.linspace(-1, 1, 50).unsqueeze(1)
    y = 3 * x + 1 + 0.2 * torch.randn(50, 1)
    model = nn.Linear(1, 1)
    yield model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.MSELoss()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        yield loss.item()


def logistic_regression(torch):
    nn = torch.nn
    x = torch.randn(100, 2)
    y = (x[:, 0] + x[:, 1] > 0).float().unsqueeze(1)
    model = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
    yield model
    loss_fn = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(STEPS):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def moons(torch):
    """Two half circles, as scikit-learn makes them."""
    angle = torch.rand(120) * 3.14159
    which = torch.arange(120) % 2
    x = torch.stack([torch.cos(angle) * (1 - 2 * which) + which, torch.sin(angle) * (1 - 2 * which) + 0.5 * which], 1)
    return x + 0.1 * torch.randn(120, 2), which


def mlp_with_dropout_and_loader(torch):
    nn, data = torch.nn, torch.utils.data
    loader = data.DataLoader(data.TensorDataset(*moons(torch)), batch_size=32, shuffle=True)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)
            )

        def forward(self, x):
            return self.layers(x)

    model = Net()
    yield model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10, gamma=0.5)
    for _ in range(25):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            yield loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
        yield right / 120


def cnn(torch):
    nn, F = torch.nn, torch.nn.functional
    labels = torch.arange(40) % 4
    images = torch.randn(40, 1, 8, 8) * 0.3
    for k in range(4):
        images[labels == k, 0, 2 * k] += 1.0

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
            self.norm = nn.BatchNorm2d(6)
            self.conv2 = nn.Conv2d(6, 8, 3)
            self.fc = nn.Linear(8 * 2 * 2, 4)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.norm(self.conv1(x))), 2)
            x = F.relu(self.conv2(x))
            return F.log_softmax(self.fc(x.view(x.size(0), -1)), dim=1)

    model = Net()
    yield model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    for step in range(STEPS):
        batch = slice(step % 4 * 10, step % 4 * 10 + 10)
        optimizer.zero_grad()
        loss = F.nll_loss(model(images[batch]), labels[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()
    model.eval()
    yield model(images).exp().max().item()


def character_mlp(torch):
    """An embedding, a hidden layer with hand-written batch normalisation, and updates by hand."""
    F = torch.nn.functional
    g = torch.Generator().manual_seed(2147483647)
    xs, ys = torch.randint(0, 27, (200, 3), generator=g), torch.randint(0, 27, (200,), generator=g)
    C = torch.randn((27, 4), generator=g)
    w1 = torch.randn((12, 20), generator=g) * (5 / 3) / 12**0.5
    w2 = torch.randn((20, 27), generator=g) * 0.01
    b2 = torch.zeros(27)
    gain, shift = torch.ones((1, 20)), torch.zeros((1, 20))
    parameters = [C, w1, w2, b2, gain, shift]
    for p in parameters:
        p.requires_grad = True
    for _ in range(STEPS):
        ix = torch.randint(0, 200, (32,), generator=g)
        h = C[xs[ix]].view(-1, 12) @ w1
        mean, std = h.mean(0, keepdim=True), h.std(0, keepdim=True)
        h = torch.tanh(gain * (h - mean) / std + shift)
        loss = F.cross_entropy(h @ w2 + b2, ys[ix])
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data += -0.1 * p.grad
        yield loss.item()


def lstm_on_a_sine(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(1, 12, batch_first=True)
            self.out = nn.Linear(12, 1)

        def forward(self, x):
            output, _ = self.lstm(x)
            return self.out(output[:, -1])

    wave = torch.sin(torch.arange(0, 12, 0.2))
    x = torch.stack([wave[i : i + 10] for i in range(40)]).unsqueeze(-1)
    y = wave[10:50].unsqueeze(1)
    model = Net()
    yield model
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
    for _ in range(STEPS // 2):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        yield loss.item()


def transformer_copies(torch):
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.place = nn.Embedding(10, 16), nn.Embedding(6, 16)
            layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)
            self.out = nn.Linear(16, 10)

        def forward(self, x):
            x = self.embed(x) + self.place(torch.arange(x.shape[1]))
            return self.out(self.encoder(x))

    model = Net()
    yield model
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=STEPS // 2 + 1)
    for _ in range(STEPS // 2):
        x = torch.randint(0, 10, (16, 6))
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.item()


LESSONS = [
    linear_regression,
    logistic_regression,
    mlp_with_dropout_and_loader,
    cnn,
    character_mlp,
    lstm_on_a_sine,
    transformer_copies,
]


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson(lesson):
    found = []
    for library in (teachgrad, torch):
        library.manual_seed(42)
        steps = lesson(library)
        first = next(steps)
        start = [numbers(p).copy() for p in first.parameters()] if hasattr(first, "parameters") else [first]
        found.append((start, list(steps)))
    for mine, theirs in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-6)
    assert found[1][1][-1] != found[1][1][0], "nothing was learnt"
