"""Training lessons as scripts: each takes `torch` and yields its first parameters, then the loss of each step."""

from __future__ import annotations

from sklearn import datasets

STEPS = 100


def linear_regression(torch):
    nn = torch.nn
    x = torch.linspace(-1, 1, 50).unsqueeze(1)
    y = 3 * x + 1 + 0.2 * torch.randn(50, 1)
    model = nn.Linear(1, 1)
    yield model.parameters()
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
    yield model.parameters()
    loss_fn = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(STEPS):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def two_moons(torch):
    """A multilayer perceptron on scikit-learn's two half circles, one output and BCEWithLogitsLoss."""
    nn = torch.nn
    points, labels = datasets.make_moons(n_samples=200, noise=0.1, random_state=0)
    x, y = torch.from_numpy(points).float(), torch.from_numpy(labels).float().unsqueeze(1)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    yield model.parameters()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    criterion = nn.BCEWithLogitsLoss()
    for _ in range(STEPS):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
    yield ((model(x) > 0) == (y > 0)).float().mean().item()


def digits(torch, shape):
    """1,797 handwritten digits of 8 by 8 pixels between 0 and 1, in a shuffled loader."""
    data = torch.utils.data
    images, labels = datasets.load_digits(return_X_y=True)
    x = torch.tensor(images, dtype=torch.float32).view(-1, *shape) / 16
    train, test = data.random_split(data.TensorDataset(x, torch.tensor(labels)), [1597, 200])
    return data.DataLoader(train, batch_size=64, shuffle=True), data.DataLoader(test, batch_size=200)


def epochs(torch, model, optimizer, scheduler, loaders, steps=STEPS):
    """The usual loop: `steps` batches, with the accuracy on the test set after each epoch."""
    criterion = torch.nn.CrossEntropyLoss()
    done = 0
    while done < steps:
        model.train()
        for x, y in loaders[0]:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            yield loss.item()
            done += 1
        scheduler.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for x, y in loaders[1]:
                right += (model(x).argmax(dim=1) == y).sum().item()
        yield right / 200


def mlp_on_digits(torch):
    nn = torch.nn
    loaders = digits(torch, (64,))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)
            )

        def forward(self, x):
            return self.layers(x)

    model = Net()
    yield model.parameters()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    yield from epochs(torch, model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5), loaders)


def cnn_on_digits(torch):
    nn, F = torch.nn, torch.nn.functional
    loaders = digits(torch, (1, 8, 8))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
            self.norm = nn.BatchNorm2d(6)
            self.conv2 = nn.Conv2d(6, 8, 3)
            self.fc = nn.Linear(8 * 2 * 2, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.norm(self.conv1(x))), 2)
            x = F.relu(self.conv2(x))
            return self.fc(x.view(x.size(0), -1))

    model = Net()
    yield model.parameters()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    yield from epochs(torch, model, optimizer, schedule, loaders)


def character_mlp(torch):
    """An embedding, a hidden layer with hand-written batch normalisation, and updates by hand."""
    F = torch.nn.functional
    text = "emma olivia ava isabella sophia charlotte mia amelia harper evelyn abigail emily elizabeth mila ella"
    numbers = {letter: n for n, letter in enumerate("." + "abcdefghijklmnopqrstuvwxyz")}
    contexts, following = [], []
    for name in text.split():
        context = [0, 0, 0]
        for letter in name + ".":
            contexts.append(context)
            following.append(numbers[letter])
            context = context[1:] + [numbers[letter]]
    xs, ys = torch.tensor(contexts), torch.tensor(following)
    g = torch.Generator().manual_seed(2147483647)
    C = torch.randn((27, 4), generator=g)
    w1 = torch.randn((12, 20), generator=g) * (5 / 3) / 12**0.5
    w2 = torch.randn((20, 27), generator=g) * 0.01
    b2 = torch.zeros(27)
    gain, shift = torch.ones((1, 20)), torch.zeros((1, 20))
    running_mean = torch.zeros((1, 20))
    parameters = [C, w1, w2, b2, gain, shift]
    for p in parameters:
        p.requires_grad = True
    yield parameters
    for step in range(STEPS):
        ix = torch.randint(0, xs.shape[0], (32,), generator=g)
        h = C[xs[ix]].view(-1, 12) @ w1
        mean, std = h.mean(0, keepdim=True), h.std(0, keepdim=True)
        h = torch.tanh(gain * (h - mean) / std + shift)
        with torch.no_grad():
            running_mean = 0.9 * running_mean + 0.1 * mean
        loss = F.cross_entropy(h @ w2 + b2, ys[ix])
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data += -(0.1 if step < 80 else 0.01) * p.grad
        yield loss.item()
    yield running_mean.abs().mean().item()


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
    yield model.parameters()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()


def transformer_copies(torch):
    """Two layers of attention learn to repeat a sequence."""
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
    yield model.parameters()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=STEPS + 1)
    for _ in range(STEPS):
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
    two_moons,
    mlp_on_digits,
    cnn_on_digits,
    character_mlp,
    lstm_on_a_sine,
    transformer_copies,
]
