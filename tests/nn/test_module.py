"""`nn.Module` as lessons use it: every snippet prints the same with PyTorch."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from .conftest import same_print

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 3)
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, bias=False))
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("count", torch.zeros(2))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)
        self.note = "hello"

    def forward(self, x):
        x = self.hidden(x)
        for layer in self.layers:
            x = layer(x).tanh()
        return self.out(x) * self.scale

net = Net()
"""

SNIPPETS = {
    "printed form": "print(net); print(repr(net.hidden)); print(nn.Sequential()); print(nn.Module())",
    "parameters": "for n, p in net.named_parameters(): print(n, p.shape, p.requires_grad)\nprint(len(list(net.parameters())))",
    "values": "print(net.hidden.weight); print(net.scale); print(net(torch.ones(4, 2)))",
    "type": "print(type(net.scale), type(net.scale * 2), isinstance(net.scale, torch.Tensor), type(net.scale.data))",
    "buffers": "print([(n, tuple(b.shape)) for n, b in net.named_buffers()]); print([tuple(b.shape) for b in net.buffers()])",
    "modules": "print([n for n, m in net.named_modules()]); print([type(m).__name__ for m in net.modules()])",
    "children": "print([n for n, m in net.named_children()]); print(len(list(net.children())))",
    "prefix": "print([n for n, p in net.named_parameters('net', recurse=False)]); print([n for n, m in net.named_modules(prefix='a')][:3])",
    "state dict": "print(list(net.state_dict())); print(net.state_dict()['hidden.bias'])\nprint({k: v.requires_grad for k, v in net.state_dict(keep_vars=True).items()})",
    "state prefix": "print(list(net.state_dict(prefix='model.')))",
    "load": "other = Net(); print(other.load_state_dict(net.state_dict())); print((other.out[1].weight == net.out[1].weight).all().item())",
    "load partly": "s = net.state_dict(); del s['scale']; s['extra'] = torch.ones(1); print(net.load_state_dict(s, strict=False))\nnet.load_state_dict(s)",
    "load shapes": "s = net.state_dict(); s['hidden.weight'] = torch.ones(2, 2); s['a.b'] = torch.ones(1); net.load_state_dict(s)",
    "load nonsense": "net.load_state_dict([1])",
    "load number": "s = net.state_dict(); s['scale'] = 3; net.load_state_dict(s)",
    "load assign": "s = {k: v.clone() for k, v in net.state_dict().items()}; print(net.load_state_dict(s, assign=True)); print(net.scale.data_ptr() == s['scale'].data_ptr(), type(net.scale).__name__)",
    "apply": "def f(m):\n    print(type(m).__name__)\n    if isinstance(m, nn.Linear): nn.init.ones_(m.weight)\nprint(net.apply(f) is net); print(net.hidden.weight)",
    "train": "net.eval(); print(net.training, net.out.training); net.train(); print(net.out[0].training)\nnet.train('yes')",
    "double": "net.double(); print(net.scale.dtype, net.count.dtype, net(torch.ones(1, 2).double()).dtype); net.to(torch.float16); print(net.scale.dtype)",
    "to": "p = net.scale; print(net.to('cpu') is net, net.float().scale is p); net.to(torch.int64)",
    "to tensor": "net.to(torch.zeros(1, dtype=torch.float64)); print(net.scale.dtype)",
    "gradients": "net(torch.ones(4, 2)).sum().backward(); print(net.hidden.weight.grad); net.zero_grad(); print(net.scale.grad)\nnet(torch.ones(4, 2)).sum().backward(); net.zero_grad(set_to_none=False); print(net.scale.grad)",
    "double grad dtype": "net(torch.ones(4, 2)).sum().backward(); net.double(); print(net.scale.grad.dtype)",
    "freeze": "net.requires_grad_(False); print(any(p.requires_grad for p in net.parameters())); print(net(torch.ones(1, 2)).requires_grad)",
    "missing attribute": "net.foo",
    "missing in sequential": "net.out.weight",
    "assign tensor to parameter": "net.scale = torch.ones(1)",
    "assign number to parameter": "net.scale = 3",
    "assign none": "net.scale = None; print(net.scale); print(list(net.state_dict()))",
    "assign tensor to module": "net.hidden = torch.ones(1)",
    "assign to buffer": "net.count = torch.ones(3); print(list(net.state_dict())); net.count = 'x'",
    "replace module": "net.hidden = nn.Linear(2, 3, bias=False); print(net)",
    "module over attribute": "net.note = nn.Linear(1, 1); print(net.note); net.hidden = None; print(net)",
    "parameter over buffer": "net.count = nn.Parameter(torch.ones(1)); print([n for n, _ in net.named_buffers()], [n for n, _ in net.named_parameters()])",
    "delete": "del net.layers; del net.scale; del net.count; print(net); del net.nothing",
    "register": "net.register_parameter('extra', nn.Parameter(torch.ones(2))); print(net.extra); net.register_parameter('note', None)",
    "register wrong": "net.register_parameter('w', torch.ones(2))",
    "register dots": "net.register_parameter('a.b', None)",
    "register empty": "net.register_buffer('', None)",
    "register number": "net.register_buffer(3, None)",
    "register buffer wrong": "net.register_buffer('b', [1])",
    "add module": "net.add_module('last', nn.Tanh()); print(net); net.add_module('x', 3)",
    "add module dots": "net.add_module('x.y', nn.Tanh())",
    "add module taken": "net.add_module('note', nn.Tanh())",
    "get submodule": "print(net.get_submodule('out.1'), net.get_submodule('') is net); net.get_submodule('out.7')",
    "get parameter": "print(net.get_parameter('layers.0.bias').shape, net.get_buffer('count')); net.get_parameter('note')",
    "get buffer": "net.get_buffer('scale')",
    "before init": "class Bad(nn.Module):\n    def __init__(self):\n        self.layer = nn.Linear(1, 1)\nBad()",
    "parameter before init": "class Bad(nn.Module):\n    def __init__(self):\n        self.w = nn.Parameter(torch.ones(1))\nBad()",
    "no forward": "nn.Module()(1)",
    "extra arguments": "nn.Module(3)",
    "extra keywords": "nn.Module(x=3)",
    "shared": "net.twin = net.hidden; print(len(list(net.parameters())), len(net.state_dict())); print(len(list(net.named_parameters(remove_duplicate=False))))",
    "dir": "print('hidden' in dir(net), 'scale' in dir(net), 'count' in dir(net), [n for n in dir(net.out) if n[0].isdigit()])",
    "deepcopy": "import copy\ntwin = copy.deepcopy(net); print((twin.scale == net.scale).all().item(), twin.scale is net.scale, twin.scale.requires_grad, twin.scale.grad)",
    "pickle": "import pickle\nlayer = pickle.loads(pickle.dumps(net.hidden.weight)); print(type(layer).__name__, (layer == net.hidden.weight).all().item())",
    "vars": "print(sorted(net._parameters), sorted(net._modules), sorted(net._buffers), vars(net)['note'])",
    "extra repr": "class Odd(nn.Module):\n    def extra_repr(self): return 'a=1\\nb=2'\nodd = Odd(); print(odd); odd.inner = nn.ReLU(); print(odd)",
    "iterating": "net.out[0] = nn.Tanh(); print([type(m).__name__ for m in net.out], len(net.layers))",
    "count": "print(sum(p.numel() for p in net.parameters() if p.requires_grad))",
    "clone under no_grad": "with torch.no_grad():\n    net.scale.fill_(3.0)\n    net.hidden.weight *= 2\nprint(net.scale, net.hidden.weight.is_leaf)",
    "update by hand": "net(torch.ones(4, 2)).sum().backward()\nwith torch.no_grad():\n    for p in net.parameters(): p -= 0.1 * p.grad\nprint(net.out[1].weight, net.scale._version)",
    "in place on a leaf": "net.scale += 1",
    "module as argument": "print(net(net.count.unsqueeze(0)).shape); print(hash(net) == hash(net), net == net)",
}  # fmt: skip


@pytest.mark.parametrize("name", SNIPPETS)
def test_module(name):
    same_print(NET + SNIPPETS[name])


HOOKS = {
    "forward": """
        def hook(module, args, output): print(type(module).__name__, args[0].shape, output.shape)
        handle = net.register_forward_hook(hook); net(x); handle.remove(); net(x)
        print("removed")
    """,
    "forward replaces": "net.register_forward_hook(lambda m, a, out: out * 0 + 7); print(net(x))",
    "forward kwargs": """
        class K(nn.Module):
            def forward(self, x, scale=1): return x * scale
        k = K()
        k.register_forward_hook(lambda m, args, kwargs, out: print(kwargs), with_kwargs=True)
        k.register_forward_pre_hook(lambda m, args, kwargs: (args, {"scale": 5}), with_kwargs=True)
        print(k(x, scale=3))
        k.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
        k(x)
    """,
    "pre": "net.register_forward_pre_hook(lambda m, args: print(args)); net.register_forward_pre_hook(lambda m, a: a[0] * 2); print(net(x))",
    "order": """
        net.register_forward_hook(lambda m, a, o: print("one")); net.register_forward_hook(lambda m, a, o: print("two"))
        net.register_forward_hook(lambda m, a, o: print("zero"), prepend=True); net(x)
    """,
    "backward": """
        net.register_full_backward_hook(lambda m, gi, go: print(gi, go))
        out = net(x); print(out.grad_fn.name()); out.sum().backward(); print(x.grad)
    """,
    "backward replaces": "net.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,)); net(x).sum().backward(); print(x.grad, net[0].weight.grad)",
    "backward pre": "net.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,)); net(x).sum().backward(); print(x.grad)",
    "backward without input": """
        net.register_full_backward_hook(lambda m, gi, go: print(gi, go))
        net(x.detach()).sum().backward()
    """,
    "backward wrong number": "net.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0])); net(x).sum().backward()",
    "backward inner": """
        for m in net: m.register_full_backward_hook(lambda m, gi, go: print(type(m).__name__, [None if g is None else tuple(g.shape) for g in gi]))
        net(x).sum().backward()
    """,
    "backward tuple": """
        class Two(nn.Module):
            def forward(self, a, b): return a * b, a + b
        two = Two(); two.register_full_backward_hook(lambda m, gi, go: print(gi, go))
        p, q = two(x, torch.ones_like(x)); p.sum().backward(); print(x.grad)
    """,
    "backward not a tensor": """
        class D(nn.Module):
            def forward(self, a): return {"out": a}
        d = D(); d.register_full_backward_hook(lambda m, gi, go: print("never")); print(list(d(x)))
    """,
    "tensor hook": "net[0].weight.register_hook(lambda g: print(g.shape)); net(x).sum().backward(); print('done')",
}  # fmt: skip


@pytest.mark.parametrize("name", HOOKS)
def test_hooks(name):
    import textwrap

    same_print(
        "net = nn.Sequential(nn.Linear(2, 3), nn.Tanh()); x = torch.ones(1, 2, requires_grad=True)\n"
        + textwrap.dedent(HOOKS[name])
    )


CONTAINERS = {
    "sequential": "s = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1)); print(s[0], s[-1], len(s)); print(s[:2]); print(s[1:]); s[5]",
    "ordered": "from collections import OrderedDict\ns = nn.Sequential(OrderedDict([('a', nn.Linear(1, 2)), ('b', nn.ReLU())])); print(s, s.a); print(list(s.state_dict())); print(s[1:])",
    "sequential edits": "s = nn.Sequential(nn.ReLU()); s.append(nn.Tanh()); s.insert(1, nn.Sigmoid()); s.extend([nn.ELU()]); print(s); del s[0]; print(s); print(s.pop(1)); print(s); s[0] = nn.GELU(); print(s)",
    "sequential sums": "a = nn.Sequential(nn.ReLU()); b = nn.Sequential(nn.Tanh()); print(a + b); a += b; print(a); print(a * 2); a + 3",
    "sequential wrong": "nn.Sequential([nn.ReLU()])",
    "sequential negative": "s = nn.Sequential(nn.ReLU(), nn.Tanh()); del s[-1]; print(s); s.insert(-1, nn.ELU()); print(s); s.insert(9, nn.ELU())",
    "list": "l = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)]); print(l); l.append(nn.ReLU()); print(l[1:], l[-1], len(l)); print([type(m).__name__ for m in l]); print(l + [nn.Tanh()]); l[9]",
    "list edits": "l = nn.ModuleList(); l += [nn.ReLU(), nn.Tanh()]; l.insert(0, nn.ELU()); print(l); del l[0]; print(l, nn.ModuleList()); l.extend(3)",
    "list called": "nn.ModuleList([nn.ReLU()])(torch.ones(1))",
    "dict": "d = nn.ModuleDict({'a': nn.ReLU(), 'b': nn.Linear(1, 1)}); print(d, list(d), 'a' in d, len(d)); d['c'] = nn.Tanh(); d.update({'a': nn.ELU()}); print(d.pop('b'), list(d.items())); del d['a']; print(list(d.keys()), list(d.values())); d['zzz']",
    "dict hash": "d = nn.ModuleDict(); print(hash(d) == hash(d), d == nn.ModuleDict())",
    "parameter list": "l = nn.ParameterList([torch.ones(2), nn.Parameter(torch.zeros(2, 3))]); print(l); l.append(torch.ones(1)); print(len(l), l[-1], [tuple(p.shape) for p in l]); print(list(l.state_dict())); l.extend(torch.ones(1))",
    "parameter list others": "l = nn.ParameterList([torch.ones(2), 'x']); print(l); l[0] = torch.zeros(1); print(l[0]); print(len(l[:1])); l(1)",
    "parameter dict": "d = nn.ParameterDict({'a': torch.ones(2)}); d['b'] = nn.Parameter(torch.zeros(1)); print(d, list(d), len(d), 'a' in d); print(d | {'c': torch.ones(1)}); print(list(d.state_dict()))",
    "parameter dict keys": "d = nn.ParameterDict(); d[3] = torch.ones(1)",
    "parameter": "p = nn.Parameter(torch.tensor(3.)); print(p, p.requires_grad, p.is_leaf, p.shape); print(p + 1); print(nn.Parameter(torch.ones(1), requires_grad=False)); print(nn.Parameter()); nn.Parameter(torch.tensor(1))",
    "parameter shares": "t = torch.ones(2); p = nn.Parameter(t); t[0] = 5; print(p); print(p.data, p.detach(), p.clone().detach())",
    "parameter no data": "nn.Parameter([1.])",
    "buffer": "b = nn.Buffer(torch.ones(1)); m = nn.Module(); m.b = b; m.c = nn.Buffer(torch.ones(1), persistent=False); print(list(m.state_dict()), [n for n, _ in m.named_buffers()])",
}  # fmt: skip


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(name):
    same_print(CONTAINERS[name])
