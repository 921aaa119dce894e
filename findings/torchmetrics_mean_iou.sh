#!/usr/bin/env bash
# torchmetrics 1.8.2 with torch 2.15.0: MeanIoU of segmentation beside the mean IoU that papers and challenges print.
# Expected: "mean IoU" is one confusion matrix over all images, a ratio a class, and their mean (PASCAL VOC, Cityscapes).
# Seen: torchmetrics.segmentation.MeanIoU takes a ratio for every class *of every image* and the mean of those in which the
# class is there or is said. Two images of four pixels, one all right, one with a wrong pixel: 0.58 where the usual figure is
# 0.78. torchmetrics.classification.MulticlassJaccardIndex is the usual figure.
# What follows: a pruned network's loss of mean IoU by one is not the loss by the other; take the Jaccard index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 numpy==2.4.6 torchmetrics==1.8.2
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.segmentation import MeanIoU

said = torch.tensor([[[0, 0, 0, 0]], [[0, 1, 1, 1]]])
true = torch.tensor([[[0, 0, 0, 0]], [[1, 1, 1, 1]]])
ratios = []
for label in (0, 1):
    both = ((said == label) & (true == label)).sum()
    ratios.append(float(both / ((said == label) | (true == label)).sum()))
by_hand = sum(ratios) / 2
by_pairs = (1 + 0 + 3 / 4) / 3  # class 0 of both images, class 1 of the second
mean_iou = float(MeanIoU(num_classes=2, input_format="index")(said, true))
jaccard = float(MulticlassJaccardIndex(num_classes=2)(said, true))
print(f"by hand {by_hand:.4f}, Jaccard index {jaccard:.4f}, MeanIoU {mean_iou:.4f}, by image and class {by_pairs:.4f}")
assert abs(jaccard - by_hand) < 1e-6
assert abs(mean_iou - by_pairs) < 1e-6
assert abs(mean_iou - by_hand) > 0.1
PYTHON
