"""Data given as objects: torch's Datasets and DataLoaders, batches, and what they may not be."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
)

import pruning
from pruning.data import in_memory
from tests.zoo import images_and_inside


@pytest.fixture(scope="module")
def known():
    _, graph, (images, labels), *_ = images_and_inside()
    return graph, images, labels


class Streams(IterableDataset):
    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


def pairs(images, labels):
    return list(zip(images, labels.tolist(), strict=True))


FORMS = {
    "a Dataset": lambda x, y: TensorDataset(x, y),
    "a DataLoader": lambda x, y: DataLoader(TensorDataset(x, y), 7),
    "shuffled": lambda x, y: DataLoader(TensorDataset(x, y), 7, shuffle=True),
    "numbers as labels": lambda x, y: DataLoader(pairs(x, y), 5),
    "labels of one column": lambda x, y: DataLoader(TensorDataset(x, y[:, None]), 5),
    "more than labels": lambda x, y: DataLoader(TensorDataset(x, y, y), 5),
    "a list of batches": lambda x, y: list(zip(x.split(6), y.split(6), strict=True)),
    "half precision": lambda x, y: DataLoader(TensorDataset(x.bfloat16().double(), y), 5),
    "a stream": lambda x, y: DataLoader(Streams(pairs(x, y)), 5),
    "an IterableDataset": lambda x, y: Streams(pairs(x, y)),
    "batches by the data set": lambda x, y: DataLoader(TensorDataset(x, y), batch_size=None),
    "a subset, shuffled": lambda x, y: DataLoader(
        TensorDataset(torch.cat([x, x]), torch.cat([y, y])), 5, sampler=SubsetRandomSampler(range(len(x)))
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_dataset_or_loader_scores_as_its_tensors_do(form, known):
    graph, images, labels = known
    whole = pruning.score(graph, "taylor", (images, labels))
    scores = pruning.score(graph, "taylor", FORMS[form](images, labels))
    for name, values in whole.items():
        assert np.allclose(scores[name], values, rtol=2e-2 if "half" in form else 1e-5)


@pytest.mark.parametrize("sampler", ["shuffle", "of its own"])
def test_the_order_in_which_images_come_changes_nothing(sampler, known):
    _, images, labels = known
    rows = TensorDataset(images, labels)
    found = []
    for seed in (1, 2):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)).tolist()
        batches = BatchSampler(order, 4, drop_last=False)
        how = {"batch_size": 4, "shuffle": True} if sampler == "shuffle" else {"batch_sampler": batches}
        loader = DataLoader(rows, **how)
        found.append(pruning.load_data(loader).digest)
    assert found[0] == found[1]


def test_of_more_than_the_memory_holds_a_balanced_part_is_kept_whatever_the_order(known, monkeypatch):
    _, images, labels = known
    monkeypatch.setattr(in_memory, "LARGEST", images[0].numel() * 4 * 12)
    one, other = (
        pruning.load_data([(images[order], labels[order])])
        for order in (torch.arange(len(images)), torch.arange(len(images)).flip(0))
    )
    assert one.digest == other.digest and np.ptp(np.bincount(one.train.labels)) <= 1 and len(one.train) == 12
    assert f"12 of {len(images)} images are used, balanced over classes" in one.messages[1]


def test_images_without_labels_serve_criteria_that_need_none(known):
    graph, images, labels = known
    plain = pruning.score(graph, "energy", (images, labels * 0))
    for data in (images, (images,), DataLoader(TensorDataset(images), 5), DataLoader(images, 5)):
        scores = pruning.score(graph, "energy", data)
        assert all(np.allclose(scores[name], values, rtol=1e-5) for name, values in plain.items())
    for name in ("taylor", "di", "catro"):
        with pytest.raises(ValueError, match="needs labels, and these images have none"):
            pruning.score(graph, name, DataLoader(TensorDataset(images), 5))


class Items(Dataset):
    def __init__(self, item):
        self.item = item

    def __len__(self):
        return 4

    def __getitem__(self, row):
        return self.item(row)


NO_DATA = {
    "yields a dict as a batch": Items(lambda row: {"image": torch.zeros(3, 8, 8), "label": 0}),
    "of different sizes": Items(lambda row: (torch.zeros(3, 8, 8 + row), 0)),
    "PIL.Image.Image": Items(lambda row: (Image.new("RGB", (8, 8)), 0)),
    r"images uint8 \[4, 3, 8, 8\]": Items(lambda row: (torch.zeros(3, 8, 8, dtype=torch.uint8), 0)),
    r"labels float32 \[4, 3\]": Items(lambda row: (torch.zeros(3, 8, 8), torch.eye(3)[0])),
    "from 0": Items(lambda row: (torch.zeros(3, 8, 8), -2)),
    "yields no batch": DataLoader(Subset(Items(lambda row: 0), [])),
    "or several inputs for each": ((torch.zeros(4, 3, 8, 8), torch.zeros(4, 1, 8, 8)), torch.zeros(4)),
    r"images float32 \[2, 4, 3, 8, 8\].*several inputs inside one": [
        ((torch.zeros(4, 3, 8, 8), torch.zeros(4, 3, 8, 8)), torch.zeros(4).long())
    ],
    "object .*several inputs inside one": [({"a": torch.zeros(4, 3, 8, 8)}, torch.zeros(4).long())],
    "several inputs inside one": [((torch.zeros(4, 3, 8, 8), torch.zeros(4, 2)), torch.zeros(4).long())],
    "a int is no data": 3,
    "a dict is no data": {"images": 1},
}


@pytest.mark.parametrize("message", NO_DATA)
def test_objects_that_are_no_such_data_are_one_sentence(message):
    with pytest.raises(ValueError, match=message) as refused:
        pruning.load_data(NO_DATA[message])
    assert len(str(refused.value).splitlines()) == 1


def test_labels_beyond_the_networks_outputs_are_one_sentence(known):
    graph, images, labels = known
    with pytest.raises(ValueError, match="images of class 8, and the network has classes 0 to 2"):
        pruning.score(graph, "taylor", (images, labels + 6))
