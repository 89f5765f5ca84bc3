"""Wrong answers to the exercises of `convolution`."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as windows_of


def slid(image, kernel, padding=0, stride=1):
    windows = windows_of(np.pad(image, padding), kernel.shape)
    return np.einsum("ijmn,mn->ij", windows[::stride, ::stride], kernel)


def layer(image, kernel, bias):
    windows = windows_of(image, kernel.shape[:2], axis=(0, 1))
    return np.einsum("ijcmn,mncf->ijf", windows, kernel) + bias


def fitting(image, kernel):
    fits = np.all(np.array(image.shape) >= kernel.shape)
    return slid(image, kernel) if fits else np.zeros((1, 1))


def products(n, k, p, c, f, *, out=None):
    out = n + 2 * p - k + 1 if out is None else out
    return out * out * k * k * c * f


def field(kernels, strides, *, start=1, less=1, before=False):
    size, jump = start, 1
    for k, s in zip(kernels, strides, strict=True):
        jump = jump * s if before else jump
        size += (k - less) * jump
        jump = jump if before else jump * s
    return size


def dilated(signal, kernel, dilation, *, cut=0):
    positions = len(signal) - (len(kernel) - 1) * dilation - cut
    return np.array(
        [sum(signal[i + m * dilation] * k for m, k in enumerate(kernel)) for i in range(positions)]
    )


def tiles(maps, size):
    rows, columns = maps.shape[0] // size, maps.shape[1] // size
    return maps[: rows * size, : columns * size].reshape(rows, size, columns, size, -1)


def spread(upstream, kernel):
    padding = [(side - 1, side - 1) for side in kernel.shape]
    return slid(np.pad(upstream, padding), kernel)


def repeated(pooled, size, shape):
    padded = np.zeros(shape)
    large = pooled.repeat(size, axis=0).repeat(size, axis=1)
    padded[: large.shape[0], : large.shape[1]] = large
    return padded


def winners(maps, size):
    mask = np.zeros(maps.shape, bool)
    large = repeated(tiles(maps, size).max(axis=(1, 3)), size, maps.shape)
    rows, columns = maps.shape[0] // size * size, maps.shape[1] // size * size
    mask[:rows, :columns] = (maps == large)[:rows, :columns]
    return mask


ANSWERS = {
    "convolution.cross_correlate_strided": [
        lambda i, k, p, s: slid(i, k[::-1, ::-1], p, s),
        lambda i, k, p, s: slid(i, k, 0, s),
        lambda i, k, p, s: slid(i, k, p, 1),
        lambda i, k, p, s: slid(i, k.T, p, s),
        lambda i, k, p, s: slid(i, k, 2 * p, s),
        lambda i, k, p, s: slid(i, k, p, s + 1),
        lambda i, k, p, s: (
            slid(i[::s, ::s], k, p, 1)
            if min(i[::s, ::s].shape) + 2 * p >= max(k.shape)
            else np.zeros((1, 1))
        ),
        lambda i, k, p, s: slid(i, k, p, s) / k.size,
        lambda i, k, p, s: slid(i, k, p, s)[:-1, :-1],
        lambda i, k, p, s: np.maximum(slid(i, k, p, s), 0),
    ],
    "convolution.output_size": [
        lambda n, k, p, s: (n + 2 * p - k) // s,
        lambda n, k, p, s: (n + p - k) // s + 1,
        lambda n, k, p, s: (n - k) // s + 1,
        lambda n, k, p, s: n + 2 * p - k + 1,
        lambda n, k, p, s: round((n + 2 * p - k) / s) + 1,
        lambda n, k, p, s: (n + 2 * p - k + 1) // s,
        lambda n, k, p, s: (n + 2 * p) // s,
        lambda n, k, p, s: (n + 2 * p + k) // s + 1,
        lambda n, k, p, s: (n + 2 * p - k) / s + 1,
        lambda n, k, p, s: n // s,
    ],
    "convolution.convolution_layer": [
        lambda i, k, b: layer(i, k, 0 * b),
        lambda i, k, b: layer(i, k[::-1, ::-1], b),
        lambda i, k, b: layer(i, k, b) + b * (i.shape[2] - 1),
        lambda i, k, b: np.maximum(layer(i, k, b), 0),
        lambda i, k, b: layer(i[..., :1], k[:, :, :1], b),
        lambda i, k, b: layer(i, k, b) / i.shape[2],
        lambda i, k, b: np.moveaxis(layer(i, k, b), -1, 0),
        lambda i, k, b: layer(i, k, -b),
        lambda i, k, b: layer(i.mean(axis=2, keepdims=True), k.mean(axis=2, keepdims=True), b),
        lambda i, k, b: layer(i, k, np.full_like(b, b.sum())),
    ],
    "convolution.convolution_matrix": [
        lambda k, n: np.array(
            [
                [k[::-1][j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k) + 1)
            ]
        ),
        lambda k, n: (
            np.array(
                [
                    [k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                    for i in range(n - len(k) + 1)
                ]
            ).T
        ),
        lambda k, n: np.array(
            [[k[(j - i) % n] if (j - i) % n < len(k) else 0.0 for j in range(n)] for i in range(n)]
        ),
        lambda k, n: np.array(
            [
                [k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k))
            ]
        ),
        lambda k, n: np.array(
            [[k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)] for i in range(n)]
        ),
        lambda k, n: np.array(
            [[k[j] if j < len(k) else 0.0 for j in range(n)] for i in range(n - len(k) + 1)]
        ),
        lambda k, n: np.array(
            [
                [k[i - j] if 0 <= i - j < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k) + 1)
            ]
        ),
        lambda k, n: np.array(
            [
                [
                    k[j - i + len(k) // 2] if 0 <= j - i + len(k) // 2 < len(k) else 0.0
                    for j in range(n)
                ]
                for i in range(n)
            ]
        ),
        lambda k, n: np.array(
            [
                [k[j - i] if 0 <= j - i < len(k) else 0.0 for j in range(n)]
                for i in range(n - len(k) + 1)
            ]
        )[::-1],
        lambda k, n: np.array(
            [[1.0 if 0 <= j - i < len(k) else 0.0 for j in range(n)] for i in range(n - len(k) + 1)]
        ),
    ],
    "convolution.kernel_gradient": [
        lambda u, i, k: slid(i, u)[::-1, ::-1],
        lambda u, i, k: slid(i, u[::-1, ::-1]),
        lambda u, i, k: slid(i, u) / u.size,
        lambda u, i, k: -slid(i, u),
        lambda u, i, k: slid(i, u) * k,
        lambda u, i, k: slid(i, np.ones_like(u)),
        lambda u, i, k: slid(i, u).T,
        lambda u, i, k: 2 * slid(i, u),
        lambda u, i, k: np.full_like(k, u.sum()),
        lambda u, i, k: i[: k.shape[0], : k.shape[1]] * u.sum(),
    ],
    "convolution.im2col": [
        lambda i, h, w: windows_of(i, (h, w)).reshape(-1, h * w).T.copy(),
        lambda i, h, w: np.stack([p.ravel(order="F") for r in windows_of(i, (h, w)) for p in r]),
        lambda i, h, w: windows_of(i, (h, w)).transpose(1, 0, 2, 3).reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w))[::h, ::w].reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w)).copy(),
        lambda i, h, w: windows_of(i, (h, w))[:-1, :-1].reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w))[..., ::-1, ::-1].reshape(-1, h * w).copy(),
        lambda i, h, w: windows_of(i, (h, w)).reshape(-1, h, w).copy(),
        lambda i, h, w: windows_of(i, (h, w)).reshape(-1, h * w)[::-1].copy(),
        lambda i, h, w: windows_of(i, (h, w))[:, :-1].reshape(-1, h * w).copy(),
    ],
    "convolution.parameter_count": [
        lambda h, w, c, f: h * w * c * f,
        lambda h, w, c, f: h * w * c * f + 1,
        lambda h, w, c, f: h * w * c * f + c * f,
        lambda h, w, c, f: (h * w + 1) * f,
        lambda h, w, c, f: h * w * c + f,
        lambda h, w, c, f: h * w * c * f + c,
        lambda h, w, c, f: h * w * c + 1,
        lambda h, w, c, f: (h + w) * c * f + f,
        lambda h, w, c, f: h * h * c * f + f,
        lambda h, w, c, f: (h * w + c + 1) * f,
    ],
    "convolution.multiply_count": [
        lambda n, k, p, c, f: products(n, k, p, 1, f),
        lambda n, k, p, c, f: products(n, k, p, c, 1),
        lambda n, k, p, c, f: (n + 2 * p - k + 1) * k * k * c * f,
        lambda n, k, p, c, f: products(n, k, p, c, f, out=n),
        lambda n, k, p, c, f: products(n, k, 0, c, f),
        lambda n, k, p, c, f: products(n, k, p, c, f, out=n + p - k + 1),
        lambda n, k, p, c, f: products(n, k, p, c, f, out=n + 2 * p - k),
        lambda n, k, p, c, f: (n + 2 * p - k + 1) ** 2 * (k * k * c + 1) * f,
        lambda n, k, p, c, f: (n + 2 * p - k + 1) ** 2 * k * c * f,
        lambda n, k, p, c, f: k * k * c * f,
    ],
    "convolution.receptive_field": [
        lambda k, s: sum(k),
        lambda k, s: 1 + sum(k) - len(k),
        lambda k, s: field(k, s, before=True),
        lambda k, s: field(k, s, start=0),
        lambda k, s: field(k, s, less=0),
        lambda k, s: math.prod(k),
        lambda k, s: field(k[::-1], s[::-1]),
        lambda k, s: 1 + sum((one - 1) * stride for one, stride in zip(k, s, strict=True)),
        lambda k, s: max(k),
        lambda k, s: field(k, s, start=0, less=0),
    ],
    "convolution.cross_correlate": [
        lambda i, k: slid(i, k[::-1, ::-1]),
        lambda i, k: fitting(i, k.T),
        lambda i, k: slid(np.pad(i, 1), k),
        lambda i, k: slid(i, k)[:-1, :-1],
        lambda i, k: slid(i, k) / k.size,
        lambda i, k: slid(i, k[::-1]),
        lambda i, k: (windows_of(i, k.shape) * k).max(axis=(2, 3)),
        lambda i, k: slid(i, k)[:: k.shape[0], :: k.shape[1]],
        lambda i, k: spread(i, k),
        lambda i, k: slid(i, np.ones_like(k)),
    ],
    "convolution.convolve": [
        lambda i, k: slid(i, k),
        lambda i, k: slid(i, k[::-1]),
        lambda i, k: slid(i, k[:, ::-1]),
        lambda i, k: fitting(i, k.T),
        lambda i, k: slid(i, k)[::-1, ::-1],
        lambda i, k: slid(i[::-1, ::-1], k),
        lambda i, k: spread(i, k[::-1, ::-1]),
        lambda i, k: slid(i, k[::-1, ::-1])[:-1, :-1],
        lambda i, k: fitting(i, k[::-1, ::-1].T),
        lambda i, k: slid(i, -k),
    ],
    "convolution.dilated_correlate": [
        lambda s, k, d: dilated(s, k, 1),
        lambda s, k, d: dilated(s, k[::-1], d),
        lambda s, k, d: dilated(s, k, d, cut=1),
        lambda s, k, d: dilated(s, k, d)[::d],
        lambda s, k, d: dilated(s, k, d + 1),
        lambda s, k, d: dilated(s[::d], k, 1),
        lambda s, k, d: dilated(np.append(s, np.zeros((len(k) - 1) * d)), k, d),
        lambda s, k, d: dilated(s, np.repeat(k, d), 1),
        lambda s, k, d: dilated(s, k, d) / len(k),
        lambda s, k, d: np.array(
            [(np.roll(s, -i)[: len(k) * d : d] * k).sum() for i in range(len(s))]
        ),
    ],
    "convolution.max_pool": [
        lambda m, n: tiles(m, n).mean(axis=(1, 3)),
        lambda m, n: windows_of(m, (n, n), axis=(0, 1)).max(axis=(3, 4)),
        lambda m, n: tiles(m, n).max(axis=(1, 3, 4)),
        lambda m, n: tiles(m, n).min(axis=(1, 3)),
        lambda m, n: tiles(abs(m), n).max(axis=(1, 3)),
        lambda m, n: tiles(m, n)[:, 0, :, 0],
        lambda m, n: np.maximum(tiles(m, n).max(axis=(1, 3)), 0),
        lambda m, n: tiles(m, n).sum(axis=(1, 3)),
        lambda m, n: tiles(m[len(m) % n :, m.shape[1] % n :], n).max(axis=(1, 3)),
        lambda m, n: tiles(m, n).max(axis=(1, 3)).swapaxes(0, 1),
    ],
    "convolution.image_gradient": [
        lambda u, i, k: spread(u, k),
        lambda u, i, k: spread(u, k[::-1]),
        lambda u, i, k: -spread(u, k[::-1, ::-1]),
        lambda u, i, k: spread(u, k[::-1, ::-1]) / k.size,
        lambda u, i, k: spread(np.ones_like(u), k[::-1, ::-1]),
        lambda u, i, k: spread(u, k[::-1, ::-1]) * i,
        lambda u, i, k: spread(u, np.ones_like(k)),
        lambda u, i, k: slid(i, u),
        lambda u, i, k: spread(u, k[::-1, ::-1])[::-1, ::-1],
        lambda u, i, k: 2 * spread(u, k[::-1, ::-1]),
    ],
    "convolution.max_pool_gradient": [
        lambda u, m, n: repeated(u, n, m.shape),
        lambda u, m, n: repeated(u, n, m.shape) / n**2,
        lambda u, m, n: winners(m, n) * 1.0,
        lambda u, m, n: winners(m, n) * m,
        lambda u, m, n: winners(-m, n) * repeated(u, n, m.shape),
        lambda u, m, n: winners(m, n) * repeated(u, n, m.shape) / n**2,
        lambda u, m, n: winners(m, n) * repeated(u, n, m.shape) * m,
        lambda u, m, n: winners(abs(m), n) * repeated(u, n, m.shape),
        lambda u, m, n: winners(m, n) * repeated(u, n, m.shape) * (m > 0),
        lambda u, m, n: repeated(tiles(m, n).max(axis=(1, 3)) * u, n, m.shape),
    ],
}

LATER = {
    "convolution.convolution_matrix": [
        lambda k, n: np.array(
            [np.pad(k, (i, n - len(k) - i))[::-1] for i in range(n - len(k) + 1)]
        ),
        lambda k, n: np.eye(n - len(k) + 1, n),
        lambda k, n: np.array([np.pad(k, (0, n - len(k))) for _ in range(n - len(k) + 1)]),
    ],
    "convolution.dilated_correlate": [
        lambda s, k, d: dilated(s, k, d) if d == 1 else dilated(s, k, d - 1),
        lambda s, k, d: dilated(s[::-1], k, d),
        lambda s, k, d: dilated(s, k, d) * d,
    ],
    "convolution.multiply_count": [
        lambda n, k, p, c, f: products(n, k, p, c, f) * 2,
        lambda n, k, p, c, f: (n + 2 * p - k + 1) ** 2 * k * k * (c + f),
        lambda n, k, p, c, f: (n + 2 * p) ** 2 * k * k * c * f,
    ],
    "convolution.max_pool_gradient": [
        lambda u, m, n: winners(m, n) * repeated(u[::-1], n, m.shape),
        lambda u, m, n: winners(m, n) * repeated(abs(u), n, m.shape),
        lambda u, m, n: winners(m, n) * u.sum(),
    ],
    "convolution.convolution_layer": [
        lambda i, k, b: layer(np.pad(i, ((1, 1), (1, 1), (0, 0))), k, b),
        lambda i, k, b: layer(i, k, b)[..., ::-1],
        lambda i, k, b: layer(i[..., ::-1], k, b),
    ],
    "convolution.image_gradient": [
        lambda u, i, k: spread(u, k[:, ::-1]),
        lambda u, i, k: np.pad(u, [(0, side - 1) for side in k.shape]) * k.sum(),
        lambda u, i, k: spread(u, k[::-1, ::-1]).mean() * np.ones_like(i),
    ],
}
