"""What pages of the admin share: rows that are only looked at, and tables of millions of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

MAX_COUNTED = 10_000

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:  # generic for the type checker only
    _Paginator = Paginator


class ReadOnly:
    """Mixin: nobody adds, changes or deletes these rows here, whatever their permissions."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BoundedPaginator(_Paginator):
    """Counts to 10,000 and no further, since counting a large table takes longer than the page."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_COUNTED].count())
