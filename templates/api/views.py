"""The catalogue: templates, categories, and making workflows from templates."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from core.access import organisation_for
from core.api.callers import caller
from core.api.permissions import ForEverybody
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action
from core.models import Role
from engine.api.serializers.workflows import WorkflowDetailSerializer
from engine.errors import InvalidDefinition
from templates import selectors, services
from templates.api.filters import TemplateFilter
from templates.api.serializers import (
    InstantiateSerializer,
    WorkflowCategorySerializer,
    WorkflowTemplateDetailSerializer,
    WorkflowTemplateSerializer,
)
from templates.errors import UnknownCategory
from templates.models import WorkflowTemplate


@extend_schema(
    tags=["templates"],
    summary="List templates",
    responses={200: WorkflowTemplateSerializer(many=True), **refusal(UnknownCategory)},
)
class TemplateList(ListAPIView[WorkflowTemplate]):
    """The templates on offer, by name; everybody sees them all."""

    permission_classes = [ForEverybody]
    serializer_class = WorkflowTemplateSerializer
    filterset_class = TemplateFilter
    keyset = ("name", "id")

    def get_queryset(self) -> QuerySet[WorkflowTemplate]:
        return selectors.get_templates().defer("template", "sample_input", "expected")


@extend_schema(
    tags=["templates"], summary="Show a template with its definition, sample and expected outcome"
)
class TemplateDetail(RetrieveAPIView[WorkflowTemplate]):
    """One template on offer."""

    permission_classes = [ForEverybody]
    queryset = selectors.get_templates()
    serializer_class = WorkflowTemplateDetailSerializer
    lookup_field = "id"
    lookup_url_kwarg = "template_id"


class TemplateInstances(GenericAPIView[WorkflowTemplate]):
    """The workflows made from a template."""

    permission_classes = [ForEverybody]
    needs = {"POST": Role.EDITOR}
    queryset = selectors.get_templates()
    lookup_field = "id"
    lookup_url_kwarg = "template_id"

    @extend_schema(
        tags=["templates"],
        summary="Make a workflow of your own from a template",
        request=InstantiateSerializer,
        responses={201: WorkflowDetailSerializer, **refusal(InvalidDefinition)},
    )
    def post(self, request: Request, template_id: UUID) -> Response:
        body = InstantiateSerializer(data=request.data)
        template, user = self.get_object(), caller(self)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        organisation = organisation_for(user, given.pop("organisation", None), needed=Role.EDITOR)
        with action(by_request(request), "template.instantiate", template) as entry:
            workflow = services.instantiate_template(
                template=template, user=user, organisation=organisation, **given
            )
            entry.tell(workflow=workflow.id)
        location = reverse("workflow", args=[workflow.id], request=request)
        return Response(
            WorkflowDetailSerializer(workflow).data, status=201, headers={"Location": location}
        )


class CategoryTree(APIView):
    """The headings of the catalogue."""

    permission_classes = [ForEverybody]

    @extend_schema(
        tags=["templates"],
        summary="Show the categories as a tree",
        responses=WorkflowCategorySerializer(many=True),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(WorkflowCategorySerializer(selectors.category_tree(), many=True).data)
