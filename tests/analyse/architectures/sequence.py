"""Networks of text and speech."""

from __future__ import annotations

from nngauge.domain.graph import Graph

from .building import Net


def bert(layers: int, width: int, heads: int, inner: int, positions: int = 128, vocabulary: int = 30_522) -> Graph:
    """https://arxiv.org/abs/1810.04805: encoder and pooler."""
    net = Net(1, positions)
    x = net.embed(net.x, vocabulary, width)
    for rows in (512, 2):
        x = net.add(x, net.embed(net.input(1, positions), rows, width))
    x = net.layer_norm(x)
    for _ in range(layers):
        query, key, value = (net.dense(x, width) for _ in range(3))
        x = net.layer_norm(net.add(x, net.dense(net.attend(query, key, value, heads), width)))
        x = net.layer_norm(net.add(x, net.dense(net.activate(net.dense(x, inner), "Gelu"), width)))
    first = net.node("Gather", (x, net.input()), 1, width, axis=1)
    net.activate(net.dense(first, width), "Tanh")
    return net.build()


def mobilebert(positions: int = 128) -> Graph:
    """https://arxiv.org/abs/2004.02984: 24 layers, 128 inside, 512 between; NoNorm is a scale and a shift."""
    net = Net(1, positions)
    words = net.embed(net.x, 30_522, 128)
    wide = net.node("Concat", (words, words, words), 1, positions, 384)  # each word with its neighbours
    x = net.dense(wide, 512)
    for rows in (512, 2):
        x = net.add(x, net.embed(net.input(1, positions), rows, 512))
    x = _no_norm(net, x)
    for _ in range(24):
        narrow = _no_norm(net, net.dense(x, 128))
        shared = _no_norm(net, net.dense(x, 128))
        attended = net.attend(net.dense(shared, 128), net.dense(shared, 128), net.dense(x, 128), 4)
        y = _no_norm(net, net.add(net.dense(attended, 128), narrow))
        for _ in range(4):
            y = _no_norm(net, net.add(net.dense(net.relu(net.dense(y, 512)), 128), y))
        x = _no_norm(net, net.add(net.dense(y, 512), x))
    net.node("Gather", (x, net.input()), 1, 512, axis=1)
    return net.build()


def _no_norm(net: Net, x: int) -> int:
    width = net.shape(x)[-1]
    y = net.node("Mul", (x, net.weight(width)), *net.shape(x))
    return net.node("Add", (y, net.weight(width)), *net.shape(x))


def whisper(width: int = 384, layers: int = 4, heads: int = 6, tokens: int = 1) -> Graph:
    """Whisper's encoder over 30 s and decoder over `tokens`, without the last projection to words.

    https://arxiv.org/abs/2212.04356, table 1, and https://github.com/openai/whisper/blob/main/whisper/model.py. The
    encoder's positions are computed, not learnt.
    """
    net = Net(1, 80, 3000)
    x = net.node("Conv", (net.x, net.weight(width, 80, 3), net.weight(width)), 1, width, 3000, kernel_shape=(3,))
    x = net.node("Conv", (x, net.weight(width, width, 3), net.weight(width)), 1, width, 1500, kernel_shape=(3,))
    x = net.node("Transpose", (x,), 1, 1500, width)
    for _ in range(layers):
        x = net.add(x, _whisper_attention(net, net.layer_norm(x), None, heads))
        x = net.add(x, _feed_forward(net, net.layer_norm(x)))
    audio = net.layer_norm(x)
    y = net.embed(net.input(1, tokens), 51_865, width)
    y = net.add(y, net.embed(net.input(1, tokens), 448, width))
    for _ in range(layers):
        y = net.add(y, _whisper_attention(net, net.layer_norm(y), None, heads))
        y = net.add(y, _whisper_attention(net, net.layer_norm(y), audio, heads))
        y = net.add(y, _feed_forward(net, net.layer_norm(y)))
    net.layer_norm(y)
    return net.build()


def _whisper_attention(net: Net, x: int, source: int | None, heads: int) -> int:
    """Keys have no bias."""
    width = net.shape(x)[-1]
    source = x if source is None else source
    query, key, value = net.dense(x, width), net.dense(source, width, bias=False), net.dense(source, width)
    return net.dense(net.attend(query, key, value, heads), width)


def _feed_forward(net: Net, x: int) -> int:
    width = net.shape(x)[-1]
    return net.dense(net.activate(net.dense(x, 4 * width), "Gelu"), width)


def llama(layers: int, width: int, inner: int, heads: int, groups: int, *, cached: int = 0) -> Graph:
    """https://arxiv.org/abs/2302.13971: one token, `cached` positions before it, head not shared with the embedding."""
    net = Net(1, 1)
    size = width // heads
    x = net.embed(net.x, 32_000, width)
    for _ in range(layers):
        y = net.layer_norm(x, vectors=1)
        query = net.dense(y, width, bias=False)
        key, value = (net.dense(y, groups * size, bias=False) for _ in range(2))
        if cached:
            key, value = (
                net.node("Concat", (net.input(1, cached, groups * size), t), 1, cached + 1, groups * size)
                for t in (key, value)
            )
        x = net.add(x, net.dense(net.attend(query, key, value, heads, groups), width, bias=False))
        y = net.layer_norm(x, vectors=1)
        gate, up = (net.dense(y, inner, bias=False) for _ in range(2))
        product = net.node("Mul", (net.activate(gate, "Swish"), up), 1, 1, inner)
        x = net.add(x, net.dense(product, width, bias=False))
    net.dense(net.layer_norm(x, vectors=1), 32_000, bias=False)
    return net.build()


def deep_speech(steps: int = 16) -> Graph:
    """Mozilla DeepSpeech 0.5 and later: 19 frames of 26 coefficients, three dense layers of 2048, an LSTM, two more.

    https://deepspeech.readthedocs.io/en/r0.9/DeepSpeech.html
    """
    net = Net(steps, 19 * 26)
    x = net.x
    for _ in range(3):
        x = net.relu(net.dense(x, 2048))
    x = net.reshape(x, steps, 1, 2048)
    weights = (net.weight(1, 4 * 2048, 2048), net.weight(1, 4 * 2048, 2048), net.weight(1, 4 * 2048))
    x = net.node("LSTM", (x, *weights), steps, 1, 1, 2048, hidden_size=2048)
    x = net.relu(net.dense(net.reshape(x, steps, 2048), 2048))
    net.dense(x, 29)
    return net.build()
