"""The base of data sets of images: transforms of image and target."""

from __future__ import annotations

from typing import Any

from ...torch.utils.data import Dataset


class VisionDataset(Dataset):
    """A data set with a transform of the image, one of the target, or one of both."""

    def __init__(self, root: Any = None, transforms: Any = None, transform: Any = None, target_transform: Any = None) -> None:
        self.root, self.transforms = root, transforms
        self.transform, self.target_transform = transform, target_transform

    def changed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """A sample after its transforms."""
        if self.transforms is not None:
            return self.transforms(image, target)  # type: ignore[no-any-return]
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)
