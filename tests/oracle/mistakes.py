"""Lines that fail, as a learner writes them."""

from __future__ import annotations

GRAPH = """
c.backward()
c.sum().backward()
y.backward()
w.backward()
y.backward(torch.ones(2))
y.backward(torch.ones(2, 2))
y.sum().backward(torch.ones(3))
x.exp().sum().backward(), ((z := x.exp().sum()).backward(), z.backward())
(lambda z: (z.backward(), z.backward()))((x * x).sum())
torch.autograd.backward([y.sum(), c.sum()])
torch.autograd.backward([y.sum(), y.sum()], [torch.tensor(1.)])
torch.autograd.backward([y], [3])
torch.autograd.grad(y, x)
torch.autograd.grad(c.sum(), x)
torch.autograd.grad(y.sum(), c)
torch.autograd.grad(y.sum(), w)
torch.autograd.grad(y.sum(), [x, w])
torch.autograd.grad(y.sum(), [])
torch.autograd.grad(y.sum(), x, torch.ones(2))
torch.autograd.grad(y.sum(), x, only_inputs=False)
torch.autograd.grad(y.sum(), x, allow_unused=False, materialize_grads=True)
torch.autograd.grad(3, x)
torch.autograd.grad(y.sum(), 3)
y.sum().backward(inputs=[])
y.sum().backward(inputs=[3])
y.sum().backward(inputs=[c])
c.retain_grad()
c.register_hook(print)
c.register_post_accumulate_grad_hook(print)
y.register_post_accumulate_grad_hook(print)
k.requires_grad_()
k.requires_grad = True
x.requires_grad = 1
y.requires_grad = False
y.requires_grad = True
y.requires_grad_(False)
torch.tensor([1, 2], requires_grad=True)
torch.tensor([True], requires_grad=True)
x.grad = 3
x.grad = x
x.grad = torch.ones(2)
x.grad = torch.ones(3, dtype=torch.float64)
x.grad = torch.ones(3, 1)
x.data = 3
x.shape = (3, 1)
x.grad_fn = None
x.is_leaf = True
x.dtype = torch.float64
x.numpy()
y.numpy()
y.detach_(), x[0:1].detach_()
(x * 2)[0:1].detach_()
__import__("copy").deepcopy(y)
x.nothing
torch.nothing
x.grad_fn.next_functions
x.grad.sum()
y.grad_fn._saved_nothing
"""

IN_PLACE = """
x.add_(1)
x.zero_()
x.mul_(x)
x.copy_(c)
x.fill_(0)
x.exp_()
x += 1
x -= 1
x *= c
x /= 2
x[0] = 5
x[0:2] = 5
x[0] += 1
w[0][1] = 3
x.view(3).add_(1)
c.add_(x); c.fill_(0)
k += 0.5
k /= 2
k.add_(c)
k.mul_(2.5)
k.exp_()
b += 1
c.add_(torch.ones(2, 3))
c += torch.ones(2, 3)
c.add_(torch.ones(4))
c[:] = torch.ones(4)
c[0] = torch.ones(2)
c[5] = 1
c[0, 0] = 1
(z := x.exp()).add_(1); z.sum().backward()
(z := x.sigmoid()).mul_(2); z.sum().backward()
(z := x.sqrt()).zero_(); z.sum().backward()
(z := x * c); c.zero_(); z.sum().backward()
(z := x * c); c.add_(1); c.add_(1); z.sum().backward()
(h := x * 1); (z := h * h); h.add_(1); z.sum().backward()
(h := w * 1); (z := h.exp()); z[0] = 0; z.sum().backward()
(h := x * 1).unbind()[0].mul_(2)
(h := x * 1).split(1)[0].mul_(2)
(h := x * 1).chunk(3)[1].mul_(2)
"""

ARITHMETIC = """
x + torch.ones(2)
torch.ones(2, 3) * torch.ones(3, 2)
torch.ones(2, 3, 4) - torch.ones(2, 4)
x + "a"
x + None
x + [1, 2]
x - "a"
"a" - x
x * None
None * x
x / "a"
"a" / x
x ** "a"
x % "a"
x // "a"
"a" // x
x @ "a"
x @ 2
2 @ x
x < None
x <= "a"
x > [1]
k & None
k | "a"
k ^ None
x & 1
x | x
x << 1
~x
-b
b - b
b - 1
1 - b
b - x
k // 0
k % 0
k ** -1
x += "a"
x *= None
c -= "a"
c /= None
c **= "a"
k &= None
torch.mul(x, "a")
torch.add(x, None)
torch.sub(x, [1])
torch.div(x, "a")
torch.mul("a", x)
torch.add(k, k, alpha=0.5)
torch.add(x, x, alpha="a")
torch.pow(x, "a")
torch.pow(2, 3)
torch.remainder(x, "a")
torch.fmod(x, "a")
torch.eq(x, "a")
torch.lt(x, None)
torch.floor_divide(x, "a")
torch.bitwise_and(k, "a")
torch.maximum(x, 2)
torch.minimum(x, "a")
torch.atan2(x, 2)
torch.logical_and(x, 1)
torch.exp("a")
torch.exp(2)
torch.exp([1.0])
torch.relu(3)
torch.sqrt(None)
torch.abs(b)
torch.relu(b)
torch.floor(b)
torch.round(b)
torch.clamp(x)
torch.clamp(x, "a")
torch.clamp(x, c, 2)
torch.where(x, x, x)
torch.where(x > 0, x, "a")
torch.where(b[:2], x, x)
torch.div(x, c, rounding_mode="up")
torch.isclose(x, k)
torch.exp(x, x)
torch.exp()
torch.mul(x)
torch.mul(x, x, x)
x.exp(1)
(x // 2).sum().backward()
torch.tensor([1], dtype=torch.uint8) + 2 ** 70
"""

SHAPES = """
w @ w
w @ torch.ones(2)
torch.ones(2, 3) @ torch.ones(4, 5)
torch.ones(2, 2, 3) @ torch.ones(3, 3, 4)
torch.tensor(1.0) @ x
c @ k
w.detach() @ k
torch.mm(w, x)
torch.mm(w, w)
torch.mv(w, torch.ones(2))
torch.dot(x, torch.ones(2))
torch.dot(w, x)
torch.bmm(w, w)
torch.outer(w, x)
x.view(2, 2)
x.reshape(2, 2)
w.view(-1, -1)
w.view(-1, 4)
w.reshape(-1, 4)
w.view(0, -1)
w.t().view(6)
w.t().view(-1)
w.view("a")
torch.ones(2, 3, 4).t()
x.transpose(0, 1)
w.transpose(0, 2)
w.permute(0)
w.permute(0, 0)
w.permute(0, 2)
w.flatten(2)
w.flatten(1, 0)
x.unsqueeze(3)
w.squeeze(2)
x.expand(2)
x.expand(2, 4)
w.expand(3)
x.repeat()
w.repeat(2)
torch.cat([x, w])
torch.cat([x, 3])
torch.cat([])
torch.cat(x)
torch.cat([w, torch.ones(2, 4)])
torch.cat([x, x], dim=1)
torch.stack([x, w])
torch.stack([])
torch.stack([x, None])
torch.stack([x, x], dim=3)
x.split(0)
x.split([1, 1])
x.chunk(0)
w.unbind(2)
x.flip(1)
x.sum(1)
w.sum(2)
w.sum((0, 0))
w.mean(2)
w.max(2)
w.argmax(5)
w.softmax(2)
w.cumsum(2)
w.size(2)
torch.tensor(1.0).size(0)
w.size("a")
x.sum("a")
k.mean()
k.float().mean("a")
k.std()
b.mean()
torch.ones(0).max()
torch.ones(0).argmax()
torch.ones(0, 3).max(0)
torch.ones(0).median
k.softmax(0)
torch.norm(k)
len(torch.tensor(1.0))
list(torch.tensor(1.0))
"""

INDEXING = """
x[3]
x[-4]
w[2]
w[0, 3]
w[0, 0, 0]
x[0, 0]
torch.tensor(1.0)[0]
x["a"]
x[1.5]
x[None, 5]
x[[0, 5]]
x[torch.tensor([0, 5])]
x[torch.tensor([0.0])]
x[torch.tensor([True, False])]
w[torch.tensor([True, False, True])]
w[torch.tensor([0, 1]), torch.tensor([0, 1, 2])]
x[::-1]
x[0:3:0]
w[..., ...]
w[:, :, :]
x.gather(0, torch.tensor([5]))
x.gather(1, torch.tensor([0]))
x.gather(0, torch.tensor([0.0]))
w.gather(0, torch.tensor([0]))
x.index_select(0, torch.tensor([5]))
x.index_select(0, torch.tensor([0.0]))
x.index_select(1, torch.tensor([0]))
x.masked_select(torch.tensor([1, 0, 1]))
x.masked_select(torch.tensor([True, False]))
w.index_select(0, torch.tensor([[0]]))
c.masked_fill_(torch.tensor([1, 0, 1]), 0.0)
torch.argmax("a")
"""

VALUES = """
x.item()
torch.ones(0).item()
w.item()
bool(x)
bool(torch.ones(0))
float(x)
int(w)
if_(x > 0)
range(x)
[1, 2, 3][x]
[1, 2, 3][torch.tensor(1.5)]
x.tolist(1)
hash([x])
f"{x:.2f}"
f"{torch.tensor(1.5):d}"
torch.tensor("a")
torch.tensor([1, "a"])
torch.tensor([[1, 2], [3]])
torch.tensor([[1], 2])
torch.tensor(None)
torch.tensor([None])
torch.tensor()
torch.tensor(1, 2)
torch.tensor([1.0], dtype="float32")
torch.tensor([1.0], dtype=float32)
torch.tensor({1: 2})
torch.as_tensor("a")
torch.from_numpy([1, 2])
torch.from_numpy(3)
torch.zeros("a")
torch.zeros(-1)
torch.zeros(2.5)
torch.zeros(2, "a")
torch.ones([2, "a"])
torch.full((2,))
torch.full(2, 3)
torch.arange("a")
torch.arange(0, 10, 0)
torch.arange(10, 0)
torch.arange(0, 10, -1)
torch.linspace(0, 1)
torch.linspace(0, 1, -1)
torch.eye(-1)
torch.rand("a")
torch.rand(-1)
torch.randn(2, "a")
torch.randint(5, 5, (2,))
torch.randint(5)
torch.randperm(-1)
torch.manual_seed("a")
x.to("nowhere")
x.to("cuda:99")
x.to(3.5)
x.type("torch.NoTensor")
x.cuda()
torch.zeros(2, device="cuda")
torch.device("nowhere")
torch.set_default_dtype(torch.int64)
torch.set_default_dtype("float32")
x.view(torch.float64)
torch.nn.functional.linear(k, torch.ones(2, 3))
torch.nn.functional.linear(torch.ones(2), torch.ones(2, 3))
torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 3))
torch.nn.functional.linear(torch.ones(2, 3, dtype=torch.float64), torch.ones(2, 3))
torch.nn.functional.linear(torch.ones(3, dtype=torch.float64), torch.ones(2, 3))
torch.nn.functional.cross_entropy(w, torch.tensor([0, 5]))
torch.nn.functional.cross_entropy(w, torch.tensor([0]))
torch.nn.functional.cross_entropy(w, torch.tensor([0.0, 1.0]))
torch.nn.functional.cross_entropy(w, torch.ones(2, 4))
torch.nn.functional.nll_loss(w, torch.tensor([0, 3]))
torch.nn.functional.nll_loss(w, torch.tensor([0.0, 1.0]))
torch.nn.functional.mse_loss(x, torch.ones(2))
torch.nn.functional.mse_loss(x, "a")
torch.nn.functional.mse_loss(x, c, reduction="nothing")
torch.nn.functional.softmax(x, 1)
torch.nn.functional.relu("a")
torch.nn.functional.dropout(x, 2.0)
"""

GROUPS = {
    "graph": GRAPH,
    "in_place": IN_PLACE,
    "arithmetic": ARITHMETIC,
    "shapes": SHAPES,
    "indexing": INDEXING,
    "values": VALUES,
}
