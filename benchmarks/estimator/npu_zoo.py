"""Networks of the catalogue with random weights, counted by nngauge: what npu_rows.py packs into ``npu_networks.json.xz``.

    python -m benchmarks.estimator.npu_zoo LAYERS-FOLDER [NAME…]

Needs torch 2.13.0 (CPU), torchvision 0.28.0, timm 1.0.31, transformers 5.23.0, ultralytics 8.4.190, onnx 1.23.2, onnxscript 0.7.2,
onnxruntime 1.31.1 beside nngauge; takes an hour. Definitions are the packages' own where they have them, else written again from
the papers in torch's short notation: letters are the papers' (``d`` width, ``h`` heads, ``ff`` inner width, ``L`` layers).
"""
# ruff: noqa: N802, N803, N806, N812, E731, E741, B905, FBT002, FBT003, SLF001, ARG001, B007, C408, PIE810, RUF005, RUF007

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision.models as tv
from torch import nn

R = torch.randn
NETWORKS = {}


def add(key, fn):
    NETWORKS[key] = fn


def img(n=1, c=3, h=224, w=None):
    return (R(n, c, h, w or h),)


def T(key, name, h=224, w=None, **k):
    add(key, lambda: (getattr(tv, name)(weights=None, **k), img(1, 3, h, w)))


for key, name, h in [
    ("convnext_base/ConvNext-Base", "convnext_base", 224),
    ("convnext_tiny/ConvNext-Tiny", "convnext_tiny", 224),
    ("densenet121/DenseNet-121", "densenet121", 224),
    ("efficientnet_b0/EfficientNet-B0", "efficientnet_b0", 224),
    ("efficientnet_b4/EfficientNet-B4", "efficientnet_b4", 380),
    ("efficientnet_v2_s/EfficientNet-V2-s", "efficientnet_v2_s", 384),
    ("mnasnet05/MNASNet05", "mnasnet0_5", 224),
    ("mobilenet_v2/MobileNet-v2", "mobilenet_v2", 224),
    ("mobilenet_v3_large/MobileNet-v3-Large", "mobilenet_v3_large", 224),
    ("mobilenet_v3_small/MobileNet-v3-Small", "mobilenet_v3_small", 224),
    ("regnet/RegNet", "regnet_x_3_2gf", 224),
    ("regnet_y_800mf/RegNet-Y-800MF", "regnet_y_800mf", 224),
    ("resnet18/ResNet18", "resnet18", 224),
    ("resnet50/ResNet50", "resnet50", 224),
    ("resnet101/ResNet101", "resnet101", 224),
    ("resnext50/ResNeXt50", "resnext50_32x4d", 224),
    ("resnext101/ResNeXt101", "resnext101_32x8d", 224),
    ("shufflenet_v2/Shufflenet-v2", "shufflenet_v2_x0_5", 224),
    ("squeezenet1_1/SqueezeNet-1.1", "squeezenet1_1", 224),
    ("swin_base/Swin-Base", "swin_b", 224),
    ("swin_small/Swin-Small", "swin_s", 224),
    ("swin_tiny/Swin-Tiny", "swin_t", 224),
    ("vit/VIT", "vit_b_16", 224),
    ("wideresnet50/WideResNet50", "wide_resnet50_2", 224),
    ("swinv2_base/SwinV2-Base", "swin_v2_b", 256),
]:
    T(key, name, h)
T("googlenet/GoogLeNet", "googlenet", aux_logits=False, init_weights=False)
T("inception_v3/Inception-v3", "inception_v3", aux_logits=False, init_weights=False)


class Out(nn.Module):
    def __init__(self, m, k="out"):
        super().__init__()
        self.m = m
        self.k = k

    def forward(self, *x):
        y = self.m(*x)
        return y[self.k] if isinstance(y, dict) else y


add(
    "fcn_resnet50/FCN-ResNet50", lambda: (Out(tv.segmentation.fcn_resnet50(weights=None, weights_backbone=None)), img())
)
for k, n in [
    ("resnet_2plus1d/ResNet-2Plus1D", "r2plus1d_18"),
    ("resnet_3d/ResNet-3D", "r3d_18"),
    ("resnet_mixed/ResNet-Mixed-Convolution", "mc3_18"),
]:
    add(k, lambda n=n: (getattr(tv.video, n)(weights=None), (R(1, 3, 16, 112, 112),)))


def M(key, name, h=224, **k):
    def f():
        import timm

        return timm.create_model(name, pretrained=False, exportable=True, **k), img(1, 3, h)

    add(key, f)


for k, n, h in [
    ("beit/Beit", "beit_base_patch16_224", 224),
    ("convnext_v2_base/ConvNextV2-Base", "convnextv2_base", 224),
    ("dla102x/DLA-102-X", "dla102x", 224),
    ("efficientnet_lite4/EfficientNet-Lite4", "tf_efficientnet_lite4", 300),
    ("efficientformer/EfficientFormer", "efficientformer_l1", 224),
    ("efficientvit_b2_cls/EfficientViT-b2-cls", "efficientvit_b2", 224),
    ("efficientvit_l2_cls/EfficientViT-l2-cls", "efficientvit_l2", 224),
    ("inception_v4/Inception-v4", "inception_v4", 299),
    ("levit/LeViT", "levit_128s", 224),
    ("mobile_vit/Mobile-VIT", "mobilevit_s", 224),
    ("mobilenet_v4/MobileNet-v4", "mobilenetv4_conv_medium", 224),
    ("nasnet/NASNet", "nasnetalarge", 224),
    ("repvit/RepViT", "repvit_m2_3", 224),
    ("siglip2/image_encoder", "vit_base_patch16_siglip_224", 224),
    ("sequencer2d/Sequencer2D", "sequencer2d_s", 224),
]:
    M(k, n, h)


class HR(nn.Module):
    def __init__(self, name, cat, out):
        super().__init__()
        import timm

        m = timm.create_model(name, pretrained=False)
        for a in ("incre_modules", "downsamp_modules", "final_layer", "classifier", "global_pool"):
            if hasattr(m, a):
                setattr(m, a, nn.Identity())
        self.m = m
        self.cat = cat
        c = int(name[-2:])
        ch = c * 15 if cat else c
        self.head = (
            nn.Sequential(nn.Conv2d(ch, ch, 1), nn.BatchNorm2d(ch), nn.ReLU(), nn.Conv2d(ch, out, 1))
            if cat
            else nn.Conv2d(c, out, 1)
        )

    def forward(self, x):
        m = self.m
        x = m.act1(m.bn1(m.conv1(x)))
        x = m.act2(m.bn2(m.conv2(x)))
        y = m.stages(x)
        if not self.cat:
            return self.head(y[0])
        size = y[0].shape[-2:]
        return self.head(
            torch.cat([y[0]] + [F.interpolate(v, size=(int(size[0]), int(size[1])), mode="bilinear") for v in y[1:]], 1)
        )


add("hrnet_pose/HRNetPose", lambda: (HR("hrnet_w32", False, 17), img(1, 3, 256, 192)))
add("hrnet_face/HRNetFace", lambda: (HR("hrnet_w18", True, 29), img(1, 3, 256)))


# ---- super-resolution, restoration
def seq_conv(ch, n, cin, cout, act=nn.ReLU):
    return nn.Sequential(
        nn.Conv2d(cin, ch, 3, padding=1),
        act(),
        *[l for _ in range(n) for l in (nn.Conv2d(ch, ch, 3, padding=1), act())],
        nn.Conv2d(ch, cout, 3, padding=1),
    )


class QS(nn.Module):
    def __init__(self, ch, n, r=4):
        super().__init__()
        self.b = seq_conv(ch, n, 3, 3 * r * r, nn.ReLU6)
        self.u = nn.PixelShuffle(r)

    def forward(self, x):
        return self.u(self.b(x)).clamp(0, 1)


add("quicksrnetsmall/QuickSRNetSmall", lambda: (QS(32, 2), img(1, 3, 128)))
add("quicksrnetmedium/QuickSRNetMedium", lambda: (QS(32, 5), img(1, 3, 128)))
add("quicksrnetlarge/QuickSRNetLarge", lambda: (QS(64, 11), img(1, 3, 128)))


class Dn(nn.Module):
    def __init__(self):
        super().__init__()
        self.b = seq_conv(64, 15, 1, 1)

    def forward(self, x):
        return x - self.b(x)


add("dncnn/DnCNN", lambda: (Dn(), img(1, 1, 256)))


class RDB(nn.Module):
    def __init__(self, nf=64, gc=32):
        super().__init__()
        self.c = nn.ModuleList([nn.Conv2d(nf + i * gc, gc if i < 4 else nf, 3, padding=1) for i in range(5)])

    def forward(self, x):
        v = [x]
        for i, c in enumerate(self.c):
            y = c(torch.cat(v, 1)) if i else c(x)
            if i < 4:
                v.append(F.leaky_relu(y, 0.2))
        return y * 0.2 + x


class RRDB(nn.Module):
    def __init__(self):
        super().__init__()
        self.r = nn.Sequential(RDB(), RDB(), RDB())

    def forward(self, x):
        return self.r(x) * 0.2 + x


class ESR(nn.Module):
    def __init__(self):
        super().__init__()
        c = lambda a, b: nn.Conv2d(a, b, 3, padding=1)
        self.f = c(3, 64)
        self.b = nn.Sequential(*[RRDB() for _ in range(23)])
        self.t = c(64, 64)
        self.u1 = c(64, 64)
        self.u2 = c(64, 64)
        self.h = c(64, 64)
        self.l = c(64, 3)

    def forward(self, x):
        f = self.f(x)
        f = f + self.t(self.b(f))
        f = F.leaky_relu(self.u1(F.interpolate(f, scale_factor=2.0)), 0.2)
        f = F.leaky_relu(self.u2(F.interpolate(f, scale_factor=2.0)), 0.2)
        return self.l(F.leaky_relu(self.h(f), 0.2))


add("esrgan/ESRGAN", lambda: (ESR(), img(1, 3, 128)))
add("real_esrgan_x4plus/Real-ESRGAN-x4plus", lambda: (ESR(), img(1, 3, 128)))


class VGGC(nn.Module):
    def __init__(self):
        super().__init__()
        self.b = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1),
            nn.PReLU(64),
            *[l for _ in range(32) for l in (nn.Conv2d(64, 64, 3, padding=1), nn.PReLU(64))],
            nn.Conv2d(64, 48, 3, padding=1),
        )
        self.u = nn.PixelShuffle(4)

    def forward(self, x):
        return self.u(self.b(x)) + F.interpolate(x, scale_factor=4.0)


add("real_esrgan_general_x4v3/Real-ESRGAN-General-x4v3", lambda: (VGGC(), img(1, 3, 128)))


class SRG(nn.Module):
    def __init__(self):
        super().__init__()
        self.i = nn.Sequential(nn.Conv2d(3, 64, 9, padding=4), nn.PReLU(64))
        self.b = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Conv2d(64, 64, 3, padding=1),
                    nn.BatchNorm2d(64),
                    nn.PReLU(64),
                    nn.Conv2d(64, 64, 3, padding=1),
                    nn.BatchNorm2d(64),
                )
                for _ in range(16)
            ]
        )
        self.c = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64))
        self.u = nn.Sequential(
            *[l for _ in range(2) for l in (nn.Conv2d(64, 256, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(64))]
        )
        self.o = nn.Conv2d(64, 3, 9, padding=4)

    def forward(self, x):
        x = self.i(x)
        y = x
        for b in self.b:
            y = y + b(y)
        return torch.tanh(self.o(self.u(x + self.c(y))))


add("srgan/SRGAN", lambda: (SRG(), img(1, 3, 128)))


class LN2(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1, c, 1, 1))
        self.b = nn.Parameter(torch.zeros(1, c, 1, 1))

    def forward(self, x):
        m = x.mean(1, keepdim=True)
        v = (x - m).pow(2).mean(1, keepdim=True)
        return self.w * ((x - m) / (v + 1e-6).sqrt()) + self.b


class NB(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c1 = nn.Conv2d(c, 2 * c, 1)
        self.c2 = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c)
        self.c3 = nn.Conv2d(c, c, 1)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1))
        self.c4 = nn.Conv2d(c, 2 * c, 1)
        self.c5 = nn.Conv2d(c, c, 1)
        self.n1 = LN2(c)
        self.n2 = LN2(c)
        self.be = nn.Parameter(torch.ones(1, c, 1, 1))
        self.ga = nn.Parameter(torch.ones(1, c, 1, 1))

    def forward(self, i):
        a, b = self.c2(self.c1(self.n1(i))).chunk(2, 1)
        x = a * b
        x = self.c3(x * self.sca(x))
        y = i + x * self.be
        a, b = self.c4(self.n2(y)).chunk(2, 1)
        return y + self.c5(a * b) * self.ga


class NAF(nn.Module):
    def __init__(self, w, enc, mid, dec):
        super().__init__()
        self.i = nn.Conv2d(3, w, 3, padding=1)
        self.o = nn.Conv2d(w, 3, 3, padding=1)
        self.e = nn.ModuleList()
        self.d = nn.ModuleList()
        self.dn = nn.ModuleList()
        self.up = nn.ModuleList()
        c = w
        for n in enc:
            self.e.append(nn.Sequential(*[NB(c) for _ in range(n)]))
            self.dn.append(nn.Conv2d(c, 2 * c, 2, 2))
            c *= 2
        self.m = nn.Sequential(*[NB(c) for _ in range(mid)])
        for n in dec:
            self.up.append(nn.Sequential(nn.Conv2d(c, 2 * c, 1, bias=False), nn.PixelShuffle(2)))
            c //= 2
            self.d.append(nn.Sequential(*[NB(c) for _ in range(n)]))

    def forward(self, i):
        x = self.i(i)
        k = []
        for e, d in zip(self.e, self.dn):
            x = e(x)
            k.append(x)
            x = d(x)
        x = self.m(x)
        for u, d, v in zip(self.up, self.d, k[::-1]):
            x = d(u(x) + v)
        return self.o(x) + i


add("nafnet_denoise/NAFNet-DeNoise", lambda: (NAF(64, [2, 2, 4, 8], 12, [2, 2, 2, 2]), img(1, 3, 256)))
add("nafnet_deblur/NAFNet-DeBlur", lambda: (NAF(64, [1, 1, 1, 28], 1, [1, 1, 1, 1]), img(1, 3, 368, 640)))


def dc(i, o):
    return nn.Sequential(
        nn.Conv2d(i, o, 3, padding=1, bias=False),
        nn.BatchNorm2d(o),
        nn.ReLU(),
        nn.Conv2d(o, o, 3, padding=1, bias=False),
        nn.BatchNorm2d(o),
        nn.ReLU(),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        ch = [64, 128, 256, 512, 1024]
        self.i = dc(3, 64)
        self.d = nn.ModuleList([dc(a, b) for a, b in zip(ch, ch[1:])])
        self.u = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(ch[::-1][1:], ch[::-1])])
        self.c = nn.ModuleList([dc(2 * a, a) for a in ch[::-1][1:]])
        self.o = nn.Conv2d(64, 2, 1)

    def forward(self, x):
        v = [self.i(x)]
        for d in self.d:
            v.append(d(F.max_pool2d(v[-1], 2)))
        x = v.pop()
        for u, c in zip(self.u, self.c):
            x = c(torch.cat([v.pop(), u(x)], 1))
        return self.o(x)


add("unet_segmentation/Unet-Segmentation", lambda: (UNet(), img(1, 3, 640, 1280)))


def cbr(i, o, d=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=d, dilation=d), nn.BatchNorm2d(o), nn.ReLU())


def up(x, like):
    return F.interpolate(x, size=(int(like.shape[2]), int(like.shape[3])), mode="bilinear")


class RSU(nn.Module):
    def __init__(self, L, i, m, o, dil=False):
        super().__init__()
        self.dil = dil
        self.a = cbr(i, o)
        self.e = nn.ModuleList()
        self.d = nn.ModuleList()
        for k in range(L - 1):
            self.e.append(cbr(o if k == 0 else m, m, 2**k if dil else 1))
        self.b = cbr(m, m, 2 ** (L - 1) if dil else 2)
        for k in range(L - 1)[::-1]:
            self.d.append(cbr(2 * m, o if k == 0 else m, 2**k if dil else 1))

    def forward(self, x):
        a = self.a(x)
        v = []
        h = a
        for k, e in enumerate(self.e):
            if k and not self.dil:
                h = F.max_pool2d(h, 2, 2, ceil_mode=True)
            h = e(h)
            v.append(h)
        h = self.b(h)
        for k, d in enumerate(self.d):
            w = v.pop()
            if h.shape[2] != w.shape[2]:
                h = up(h, w)
            h = d(torch.cat([h, w], 1))
        return h + a


class U2(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.ModuleList(
            [
                RSU(7, 3, 32, 64),
                RSU(6, 64, 32, 128),
                RSU(5, 128, 64, 256),
                RSU(4, 256, 128, 512),
                RSU(4, 512, 256, 512, True),
                RSU(4, 512, 256, 512, True),
            ]
        )
        self.d = nn.ModuleList(
            [
                RSU(4, 1024, 256, 512, True),
                RSU(4, 1024, 128, 256),
                RSU(5, 512, 64, 128),
                RSU(6, 256, 32, 64),
                RSU(7, 128, 16, 64),
            ]
        )
        self.s = nn.ModuleList([nn.Conv2d(c, 1, 3, padding=1) for c in (64, 64, 128, 256, 512, 512)])
        self.o = nn.Conv2d(6, 1, 1)

    def forward(self, x):
        v = []
        h = x
        for k, e in enumerate(self.e):
            if k:
                h = F.max_pool2d(h, 2, 2, ceil_mode=True)
            h = e(h)
            v.append(h)
        outs = [v[-1]]
        h = v.pop()
        for d in self.d:
            w = v.pop()
            h = d(torch.cat([up(h, w) if h.shape[2] != w.shape[2] else h, w], 1))
            outs.append(h)
        y = [c(o) for c, o in zip(self.s, outs[::-1])]
        y = [y[0]] + [up(q, y[0]) for q in y[1:]]
        return torch.sigmoid(self.o(torch.cat(y, 1)))


add("u2net_segmentation/U2Net-Segmentation", lambda: (U2(), img(1, 3, 320)))


def dws(i, o, s=1, d=1):
    return nn.Sequential(
        nn.Conv2d(i, i, 3, s, d, dilation=d, groups=i, bias=False),
        nn.BatchNorm2d(i),
        nn.ReLU6(),
        nn.Conv2d(i, o, 1, bias=False),
        nn.BatchNorm2d(o),
        nn.ReLU6(),
    )


def mbv1(cin, os16=False, last=1024):
    L = [nn.Conv2d(cin, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    c = 32
    for o, st in (
        [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
        + [(512, 1)] * 5
        + [(1024, 1 if os16 else 2), (1024, 1)]
    ):
        L.append(dws(c, o, st))
        c = o
    return nn.Sequential(*L)


add(
    "yamnet/YamNet",
    lambda: (
        nn.Sequential(mbv1(1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 521), nn.Sigmoid()),
        img(1, 1, 96, 64),
    ),
)


class Pose(nn.Module):
    def __init__(self):
        super().__init__()
        self.b = mbv1(3, True)
        self.h = nn.ModuleList([nn.Conv2d(1024, c, 1) for c in (17, 34, 32, 32)])

    def forward(self, x):
        y = self.b(x)
        a = torch.sigmoid(self.h[0](y))
        return (a, F.max_pool2d(a, 3, 1, 1)) + tuple(h(y) for h in self.h[1:])


add("posenet_mobilenet/Posenet-Mobilenet", lambda: (Pose(), img(1, 3, 513, 257)))


class MFN(nn.Module):
    def __init__(self):
        super().__init__()

        def cb(i, o, k=3, st=1, p=1, g=1, act=True):
            return nn.Sequential(
                nn.Conv2d(i, o, k, st, p, groups=g, bias=False), nn.BatchNorm2d(o), *([nn.PReLU(o)] if act else [])
            )

        class B(nn.Module):
            def __init__(self, i, o, st, g, res):
                super().__init__()
                self.s = nn.Sequential(cb(i, g, 1, 1, 0), cb(g, g, 3, st, 1, g), cb(g, o, 1, 1, 0, act=False))
                self.r = res

            def forward(self, x):
                return self.s(x) + x if self.r else self.s(x)

        L = (
            [cb(3, 64, 3, 2), cb(64, 64, 3, 1, 1, 64), B(64, 64, 2, 128, False)]
            + [B(64, 64, 1, 128, True) for _ in range(4)]
            + [B(64, 128, 2, 256, False)]
            + [B(128, 128, 1, 256, True) for _ in range(6)]
            + [B(128, 128, 2, 512, False)]
            + [B(128, 128, 1, 256, True) for _ in range(2)]
            + [
                cb(128, 512, 1, 1, 0),
                cb(512, 512, 7, 1, 0, 512, False),
                nn.Flatten(),
                nn.Linear(512, 128, bias=False),
                nn.BatchNorm1d(128),
            ]
        )
        self.b = nn.Sequential(*L)

    def forward(self, x):
        return self.b(x)


add("mobile_facenet/MobileFaceNet", lambda: (MFN(), img(1, 3, 112)))


class IRSE(nn.Module):
    def __init__(self, i, o, st):
        super().__init__()
        self.sc = (
            nn.Identity()
            if (i == o and st == 1)
            else (
                nn.MaxPool2d(1, st) if i == o else nn.Sequential(nn.Conv2d(i, o, 1, st, bias=False), nn.BatchNorm2d(o))
            )
        )
        self.b = nn.Sequential(
            nn.BatchNorm2d(i),
            nn.Conv2d(i, o, 3, 1, 1, bias=False),
            nn.BatchNorm2d(o),
            nn.PReLU(o),
            nn.Conv2d(o, o, 3, st, 1, bias=False),
            nn.BatchNorm2d(o),
        )
        self.se = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(o, o // 16, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(o // 16, o, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        y = self.b(x)
        return y * self.se(y) + self.sc(x)


def cava():
    L = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)]
    c = 64
    for o, n in ((64, 3), (128, 13), (256, 30), (512, 3)):
        for k in range(n):
            L.append(IRSE(c, o, 2 if k == 0 else 1))
            c = o
    return nn.Sequential(*L, nn.BatchNorm2d(512), nn.Flatten(), nn.Linear(512 * 49, 512), nn.BatchNorm1d(512))


add("cavaface/CavaFace", lambda: (cava(), img(1, 3, 112)))


class V3(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = tv.vgg19_bn(weights=None).features
        f = lambda h, o: nn.Sequential(nn.Linear(25088, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU(), nn.Linear(h, o))
        self.a, self.b, self.c = f(256, 4), f(256, 2), f(512, 3)

    def forward(self, x):
        y = self.f(x).flatten(1)
        return self.a(y), self.b(y), self.c(y)


add("deepbox/vgg_3d_detection", lambda: (V3(), img()))


class PSP(nn.Module):
    def __init__(self):
        super().__init__()
        r = tv.resnet101(weights=None, replace_stride_with_dilation=[False, True, True])
        self.f = nn.Sequential(*list(r.children())[:-2])
        self.p = nn.ModuleList(
            [
                nn.Sequential(
                    nn.AvgPool2d(60 // k), nn.Conv2d(2048, 512, 1, bias=False), nn.BatchNorm2d(512), nn.ReLU()
                )
                for k in (1, 2, 3, 6)
            ]
        )
        self.h = nn.Sequential(
            nn.Conv2d(4096, 512, 3, padding=1, bias=False), nn.BatchNorm2d(512), nn.ReLU(), nn.Conv2d(512, 150, 1)
        )

    def forward(self, x):
        y = self.f(x)
        z = self.h(torch.cat([y] + [up(p(y), y) for p in self.p], 1))
        return F.interpolate(z, size=(473, 473), mode="bilinear")


add("pspnet/PSPNet", lambda: (PSP(), img(1, 3, 473)))


# ---- transformers, own step decoder and encoder
class EncL(nn.Module):
    def __init__(self, d, h, ff, act, pre=True):
        super().__init__()
        self.h = h
        self.q, self.k, self.v, self.o = [nn.Linear(d, d) for _ in range(4)]
        self.f1 = nn.Linear(d, ff)
        self.f2 = nn.Linear(ff, d)
        self.n1 = nn.LayerNorm(d)
        self.n2 = nn.LayerNorm(d)
        self.act = act
        self.pre = pre

    def att(self, x):
        B, N, D = x.shape
        g = lambda y: y.view(B, N, self.h, D // self.h).transpose(1, 2)
        w = torch.softmax(g(self.q(x)) @ g(self.k(x)).transpose(2, 3) * (D // self.h) ** -0.5, -1)
        return self.o((w @ g(self.v(x))).transpose(1, 2).reshape(B, N, D))

    def forward(self, x):
        if self.pre:
            x = x + self.att(self.n1(x))
            return x + self.f2(self.act(self.f1(self.n2(x))))
        x = self.n1(x + self.att(x))
        return self.n2(x + self.f2(self.act(self.f1(x))))


class WEnc(nn.Module):
    def __init__(self, L, d, h, ff, mel, dec):
        super().__init__()
        self.c1 = nn.Conv1d(mel, d, 3, padding=1)
        self.c2 = nn.Conv1d(d, d, 3, 2, 1)
        self.p = nn.Parameter(R(1500, d))
        self.l = nn.ModuleList([EncL(d, h, ff, F.gelu) for _ in range(L)])
        self.n = nn.LayerNorm(d)
        self.x = nn.ModuleList([nn.Linear(d, d) for _ in range(2 * dec)])

    def forward(self, x):
        x = F.gelu(self.c2(F.gelu(self.c1(x)))).transpose(1, 2) + self.p
        for l in self.l:
            x = l(x)
        x = self.n(x)
        return tuple(k(x) for k in self.x)


class TEnc(nn.Module):
    def __init__(self, L, d, h, ff, vocab, seq, dec, act, pre):
        super().__init__()
        self.e = nn.Embedding(vocab, d)
        self.p = nn.Parameter(R(seq, d))
        self.l = nn.ModuleList([EncL(d, h, ff, act, pre) for _ in range(L)])
        self.x = nn.ModuleList([nn.Linear(d, d) for _ in range(2 * dec)])
        self.n = nn.LayerNorm(d)

    def forward(self, t):
        x = self.e(t) + self.p
        for l in self.l:
            x = l(x)
        x = self.n(x)
        return tuple(k(x) for k in self.x) if len(self.x) else x


class DecL(nn.Module):
    def __init__(self, d, h, ff, act):
        super().__init__()
        self.h = h
        self.q, self.k, self.v, self.o, self.cq, self.co = [nn.Linear(d, d) for _ in range(6)]
        self.f1 = nn.Linear(d, ff)
        self.f2 = nn.Linear(ff, d)
        self.n = nn.ModuleList([nn.LayerNorm(d) for _ in range(3)])
        self.act = act

    def forward(self, x, k, v, ck, cv, m):
        B, N, D = x.shape
        g = lambda y: y.view(B, N, self.h, D // self.h).transpose(1, 2)
        y = self.n[0](x)
        nk = g(self.k(y))
        nv = g(self.v(y))
        K = torch.cat([k, nk.transpose(2, 3)], 3)
        V = torch.cat([v, nv], 2)
        x = x + self.o(
            (torch.softmax(g(self.q(y)) @ K * (D // self.h) ** -0.5 + m, -1) @ V).transpose(1, 2).reshape(B, N, D)
        )
        y = self.n[1](x)
        x = x + self.co(
            (torch.softmax(g(self.cq(y)) @ ck * (D // self.h) ** -0.5, -1) @ cv).transpose(1, 2).reshape(B, N, D)
        )
        return x + self.f2(self.act(self.f1(self.n[2](x)))), nk, nv


class Dec(nn.Module):
    def __init__(self, L, d, h, ff, vocab, act):
        super().__init__()
        self.e = nn.Embedding(vocab, d)
        self.l = nn.ModuleList([DecL(d, h, ff, act) for _ in range(L)])
        self.n = nn.LayerNorm(d)
        self.u = nn.Linear(d, vocab, bias=False)

    def forward(self, t, p, m, *c):
        x = self.e(t) + p
        out = []
        for i, l in enumerate(self.l):
            x, k, v = l(x, *c[4 * i : 4 * i + 4], m)
            out += [k, v]
        return (self.u(self.n(x)), *out)


def dec(L, d, h, ff, vocab, S, C, act=F.gelu):
    c = []
    w = d // h
    for _ in range(L):
        c += [R(1, h, w, S - 1), R(1, h, S - 1, w), R(1, h, w, C), R(1, h, C, w)]
    return Dec(L, d, h, ff, vocab, act), (torch.zeros(1, 1, dtype=torch.int32), R(1, 1, d), R(1, 1, 1, S), *c)


for n, L, D, h, v, ml, de in [
    ("whisper_tiny", 4, 384, 6, 51865, 80, 4),
    ("whisper_base", 6, 512, 8, 51865, 80, 6),
    ("whisper_small", 12, 768, 12, 51865, 80, 12),
    ("whisper_small_quantized", 12, 768, 12, 51865, 80, 12),
    ("whisper_medium", 24, 1024, 16, 51865, 80, 24),
    ("whisper_medium_quantized", 24, 1024, 16, 51865, 80, 24),
    ("whisper_large_v3_turbo", 32, 1280, 20, 51866, 128, 4),
    ("whisper_large_v3_turbo_quantized", 32, 1280, 20, 51866, 128, 4),
    ("distil_whisper", 12, 768, 12, 51864, 80, 4),
]:
    if L <= 24:
        add(n + "/encoder", lambda L=L, D=D, h=h, ml=ml, de=de: (WEnc(L, D, h, 4 * D, ml, de), (R(1, ml, 3000),)))
    add(n + "/decoder", lambda D=D, h=h, de=de, v=v: dec(de, D, h, 4 * D, v, 200, 1500))
for n in [
    "de_en",
    "en_de",
    "en_es",
    "en_fr",
    "en_it",
    "en_ja",
    "en_zh",
    "es_en",
    "fr_en",
    "it_en",
    "ja_en",
    "ko_en",
    "zh_en",
]:
    add(
        f"opus_mt_{n}/encoder",
        lambda: (TEnc(6, 512, 8, 2048, 60000, 256, 6, F.silu, False), (torch.zeros(1, 256, dtype=torch.int32),)),
    )
    add(f"opus_mt_{n}/decoder", lambda: dec(6, 512, 8, 2048, 60000, 256, 256, F.silu))
add(
    "opus_mt_en_ko/encoder",
    lambda: (TEnc(6, 1024, 16, 4096, 32000, 256, 6, F.relu, False), (torch.zeros(1, 256, dtype=torch.int32),)),
)
add("opus_mt_en_ko/decoder", lambda: dec(6, 1024, 16, 4096, 32000, 256, 256, F.relu))
add(
    "siglip2/text_encoder",
    lambda: (TEnc(12, 768, 12, 3072, 256000, 64, 0, F.gelu, True), (torch.zeros(1, 64, dtype=torch.int32),)),
)


class BK(nn.Module):
    def __init__(self, m, keys):
        super().__init__()
        self.m = m
        self.k = keys

    def forward(self, *x):
        y = self.m(**dict(zip(self.k, x)), return_dict=False)
        return tuple(v for v in y if torch.is_tensor(v))


def hf(key, mk, inp, keys):
    add(key, lambda: (BK(mk(), keys), inp()))


ids = lambda n: lambda: (torch.zeros(1, n, dtype=torch.int32), torch.ones(1, n, dtype=torch.int32))
I = ("input_ids", "attention_mask")


def tf(cls, cfg, **k):
    import transformers as t

    c = getattr(t, cfg)(**k)
    c._attn_implementation = "eager"
    return getattr(t, cls)(c)


hf("bert_base_uncased_hf/Bert-Base-Uncased-Hf", lambda: tf("BertForMaskedLM", "BertConfig"), ids(384), I)
hf(
    "albert_base_v2_hf/Albert-Base-V2-Hf",
    lambda: tf(
        "AlbertForMaskedLM",
        "AlbertConfig",
        embedding_size=128,
        hidden_size=768,
        num_attention_heads=12,
        intermediate_size=3072,
    ),
    ids(384),
    I,
)
hf(
    "distil_bert_base_uncased_hf/Distil-Bert-Base-Uncased-Hf",
    lambda: tf("DistilBertForMaskedLM", "DistilBertConfig"),
    ids(384),
    I,
)
hf(
    "electra_bert_base_discrim_google/Electra-Bert-Base-Discrim-Google",
    lambda: tf(
        "ElectraForPreTraining",
        "ElectraConfig",
        embedding_size=768,
        hidden_size=768,
        num_attention_heads=12,
        intermediate_size=3072,
    ),
    ids(384),
    I,
)
hf(
    "mobile_bert_uncased_google/Mobile-Bert-Uncased-Google",
    lambda: tf("MobileBertForMaskedLM", "MobileBertConfig"),
    ids(384),
    I,
)
hf(
    "minilm_v2/MiniLM-v2",
    lambda: tf("BertModel", "BertConfig", hidden_size=384, num_hidden_layers=6, intermediate_size=1536),
    ids(128),
    I,
)
P = lambda *s: lambda: (R(*s),)
hf(
    "segformer_base/Segformer-Base",
    lambda: tf("SegformerForSemanticSegmentation", "SegformerConfig", num_labels=150),
    P(1, 3, 512, 512),
    ("pixel_values",),
)


def da():
    import transformers as t

    b = t.Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        num_hidden_layers=12,
        out_indices=[3, 6, 9, 12],
        reshape_hidden_states=False,
        apply_layernorm=True,
        image_size=518,
        patch_size=14,
    )
    c = t.DepthAnythingConfig(
        backbone_config=b,
        neck_hidden_sizes=[48, 96, 192, 384],
        fusion_hidden_size=64,
        reassemble_hidden_size=384,
        patch_size=14,
    )
    c._attn_implementation = "eager"
    b._attn_implementation = "eager"
    return t.DepthAnythingForDepthEstimation(c)


hf("depth_anything/Depth-Anything", da, P(1, 3, 518, 518), ("pixel_values",))
hf("depth_anything_v2/Depth-Anything-V2", da, P(1, 3, 518, 518), ("pixel_values",))
hf(
    "video_mae/Video-MAE",
    lambda: tf("VideoMAEForVideoClassification", "VideoMAEConfig", num_labels=400),
    P(1, 16, 3, 224, 224),
    ("pixel_values",),
)
hf(
    "owl_vit/OWL-ViT",
    lambda: tf("OwlViTForObjectDetection", "OwlViTConfig"),
    lambda: (torch.zeros(1, 16, dtype=torch.int32), R(1, 3, 768, 768), torch.ones(1, 16, dtype=torch.int32)),
    ("input_ids", "pixel_values", "attention_mask"),
)
hf(
    "openai_clip/OpenAI-Clip",
    lambda: tf("CLIPModel", "CLIPConfig", vision_config=dict(patch_size=16)),
    lambda: (torch.zeros(1, 77, dtype=torch.int32), R(1, 3, 224, 224)),
    ("input_ids", "pixel_values"),
)


def detr(cls, cfg, name, dc5=False):
    import transformers as t

    c = getattr(t, cfg)(
        use_timm_backbone=True, backbone=name, use_pretrained_backbone=False, dilation=dc5, num_labels=91
    )
    c._attn_implementation = "eager"
    return getattr(t, cls)(c)


for k, cl, cf, n, d in [
    ("detr_resnet50/DETR-ResNet50", "DetrForObjectDetection", "DetrConfig", "resnet50", 0),
    ("detr_resnet101/DETR-ResNet101", "DetrForObjectDetection", "DetrConfig", "resnet101", 0),
    ("detr_resnet50_dc5/DETR-ResNet50-DC5", "DetrForObjectDetection", "DetrConfig", "resnet50", 1),
    ("detr_resnet101_dc5/DETR-ResNet101-DC5", "DetrForObjectDetection", "DetrConfig", "resnet101", 1),
    (
        "conditional_detr_resnet50/Conditional-DETR-ResNet50",
        "ConditionalDetrForObjectDetection",
        "ConditionalDetrConfig",
        "resnet50",
        0,
    ),
]:
    hf(
        k,
        lambda cl=cl, cf=cf, n=n, d=d: detr(cl, cf, n, bool(d)),
        lambda: (R(1, 3, 480, 480), torch.ones(1, 480, 480, dtype=torch.int32)),
        ("pixel_values", "pixel_mask"),
    )
hf("sam2/encoder", lambda: tf("Sam2VisionModel", "Sam2VisionConfig"), P(1, 3, 1024, 1024), ("pixel_values",))
hf(
    "mask2former/Mask2Former",
    lambda: __import__("transformers").Mask2FormerForUniversalSegmentation(
        __import__("transformers").Mask2FormerConfig()
    ),
    P(1, 3, 384, 384),
    ("pixel_values",),
)
hf(
    "wav2vec2_conformer/Wav2Vec2-Conformer-Large-960h",
    lambda: tf(
        "Wav2Vec2ConformerForCTC",
        "Wav2Vec2ConformerConfig",
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        position_embeddings_type="relative",
        feat_extract_norm="layer",
        conv_bias=True,
    ),
    P(1, 160000),
    ("input_values",),
)
hf("rf_detr/RF-DETR", lambda: tf("RfDetrForObjectDetection", "RfDetrConfig"), P(1, 3, 512, 512), ("pixel_values",))


def Y(key, cfg, h=640, w=None, nc=None, cls="YOLO"):
    def f():
        import ultralytics

        m = getattr(ultralytics, cls)(cfg).model if nc is None else None
        if m is None:
            from ultralytics.nn.tasks import DetectionModel, SegmentationModel

            m = (SegmentationModel if "seg" in cfg else DetectionModel)(cfg, nc=nc, verbose=False)
        m.fuse(verbose=False)
        for q in m.modules():
            if hasattr(q, "export"):
                q.export = True
                q.format = "onnx"
        return m, img(1, 3, h, w)

    add(key, f)


for k, c in [
    ("yolov3/Yolo-v3", "yolov3-tiny.yaml"),
    ("yolov5/Yolo-v5", "yolov5m.yaml"),
    ("yolov6/Yolo-v6", "yolov6n.yaml"),
    ("yolov8_det/YOLOv8-Detection", "yolov8n.yaml"),
    ("yolov8_seg/YOLOv8-Segmentation", "yolov8n-seg.yaml"),
    ("yolov8_obb/YOLOv8-OBB", "yolov8n-obb.yaml"),
    ("yolov9_det/YOLOv9-Detection", "yolov9t.yaml"),
    ("yolov10_det/YOLOv10-Detection", "yolov10n.yaml"),
    ("yolov11_det/YOLOv11-Detection", "yolo11n.yaml"),
    ("yolov11_pose/YOLOv11-Pose", "yolo11n-pose.yaml"),
    ("yolov11_seg/YOLOv11-Segmentation", "yolo11n-seg.yaml"),
    ("yolo26_det/YOLO26-Detection", "yolo26n.yaml"),
    ("yolo26_pose/YOLO26-Pose", "yolo26n-pose.yaml"),
    ("yolo26_seg/YOLO26-Segmentation", "yolo26n-seg.yaml"),
    ("yoloe_seg/YOLOE-Segmentation", "yolov8l-seg.yaml"),
]:
    Y(k, c, 416 if "v3/" in k else 640)
Y("deepbox/yolo_2d_detection", "yolov3.yaml", 416)
Y("lpdm/License-Plates-Detector-Model", "yolov8n.yaml", nc=51)
Y("fastsam_s/FastSam-S", "yolov8s-seg.yaml", nc=1)
Y("fastsam_x/FastSam-X", "yolov8x-seg.yaml", nc=1)
for k in list(NETWORKS):
    if "medium" in k or "turbo" in k or k.endswith("_quantized/encoder") or k.endswith("_quantized/decoder"):
        del NETWORKS[k]
    if k.startswith("opus_mt") and not k.startswith(("opus_mt_de_en", "opus_mt_en_ko")):
        NETWORKS.pop(k, None)
late = [k for k in NETWORKS if k.startswith(("wav2vec2", "owl_vit", "sam2", "video_mae", "mask2former"))]
for k in late:
    NETWORKS[k] = NETWORKS.pop(k)


_FIELDS = (
    "op", "kind", "family", "inputs", "outputs", "dtype", "weight_dtype", "attributes", "macs", "parameters", "weight_bytes",
    "read_bytes", "written_bytes", "repeats", "note",
)  # fmt: skip


def exported(name, folder):
    """The network as an ONNX file, constants folded; its parameters."""
    import onnxruntime

    path, simple = folder / "network.onnx", folder / "simple.onnx"
    with torch.no_grad():
        module, inputs = NETWORKS[name]()
        module = module.eval()
        try:
            torch.onnx.export(module, inputs, path, dynamo=False, opset_version=17)
        except RuntimeError:
            torch.onnx.export(module, inputs, path, dynamo=True, external_data=False)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(simple)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return simple, sum(parameter.numel() for parameter in module.parameters())


def layers(name):
    """The layer table of one network."""
    from nngauge.api import analyse_model

    with tempfile.TemporaryDirectory() as folder:
        path, parameters = exported(name, Path(folder))
        cost = analyse_model(path).cost
    rows = [[getattr(layer, field) for field in _FIELDS] for layer in cost.layers if layer.family.value != "constant"]
    peak = cost.peak.bytes if cost.peak is not None else None
    return {"macs": cost.macs, "params": cost.parameters, "peak": peak, "nparam": parameters, "layers": rows}


def main(folder, names):
    """Writes a file for each network that is not there yet."""
    warnings.filterwarnings("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or NETWORKS:
        path = folder / (name.replace("/", "__") + ".json")
        if not path.exists():
            path.write_text(json.dumps(layers(name)), "utf-8")
            print(name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
