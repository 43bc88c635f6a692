"""The glossary knows every name of the founding documents, and points at what exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = (ROOT / "docs/glossary.md").read_text()
ROW = re.compile(r"^\| `([^`]+)` \| (.+?) \| (.*?) ?\|$", re.MULTILINE)
CODE = re.compile(r"`([\w/]+\.py)(?:::([\w.]+))?`")
DECISION = re.compile(r"\((adr/[\w.-]+\.md)\)")
PLANNED = re.compile(r"planned: ([\w ]+)")
CAPABILITY = re.compile(r"^\| ([\w ]+) \| [^|]+ \|$", re.MULTILINE)

# Class -> its methods (constructors stand with their class).
CLASSES: dict[str, str] = {
    # Definition, engine and steps
    "WorkflowDefinition": "",
    "WorkflowStep": "",
    "WorkflowStepType": "",
    "WorkflowEngine": "execute_workflow pause_workflow resume_workflow cancel_workflow",
    "WorkflowStateManager": "",
    "WorkflowContext": "",
    "WorkflowContextManager": "create_context update_context get_context",
    "WorkflowStepExecutor": "execute validate get_required_inputs get_outputs",
    "DataCollectionExecutor": "",
    "DecisionExecutor": "",
    "AIGeneratedExecutor": "",
    "WorkflowExecution": "",
    "AsyncWorkflowProcessor": "execute_workflow_async execute_step_async"
    " _execute_ai_step_async _execute_regular_step_async",
    "TaskQueue": "enqueue",
    "WorkerPool": "process_task",
    "ResultStore": "store_result",
    # Templates
    "WorkflowTemplateService": "get_templates",
    "WorkflowTemplateEngine": "",
    # AI
    "AIStepExecutor": "execute _validate_result",
    "PromptEngine": "generate",
    "AIResponseParser": "parse",
    "AIExecutionError": "",
    "AIWorkflowGenerator": "generate generate_advanced _initialize_llm _analyze_requirements"
    " _generate_workflow_structure _select_and_configure_steps _validate_workflow",
    "WorkflowStepLibrary": "",
    "WorkflowPatternAnalyzer": "analyze",
    "WorkflowLearningEngine": "learn_from_execution _update_learning_models recommend_improvements",
    "WorkflowRecommendationEngine": "recommend",
    "WorkflowImprovement": "",
    "WorkflowOptimizer": "optimize",
    # Analytics and monitoring
    "WorkflowAnalyticsService": "get_workflow_analytics get_trends",
    "WorkflowFeedbackService": "submit_feedback",
    "WorkflowMetrics": "collect_execution_metrics _calculate_success_rate _calculate_ai_usage"
    " get_workflow_performance",
    "WorkflowMetricsCollector": "collect",
    "MetricsCollector": "record get_workflow_metrics",
    "AlertManager": "trigger_alert",
    "AIPerformanceMonitor": "track_ai_execution get_ai_analytics",
    "AICostTracker": "record_cost get_daily_cost get_total_cost get_token_usage",
    "AIPerformanceTracker": "record_performance get_average_response_time get_success_rate",
    "AIStepExecution": "",
    # Scaling
    "WorkflowScalingManager": "scale_based_on_load distribute_workload",
    "LoadBalancer": "get_available_engines distribute",
    "AutoScaler": "scale_up scale_down",
    "MetricsMonitor": "get_current_load",
    # Security
    "WorkflowSecurityManager": "encrypt_context_data validate_user_access log_workflow_access",
    "EncryptionService": "encrypt",
    "AccessControlService": "has_workflow_access",
    "AuditLogger": "log",
    "AISecurityManager": "validate_ai_prompt filter_ai_response sanitize_context_data",
    "PromptValidator": "validate",
    "ResponseValidator": "",
    "ContentFilter": "filter sanitize",
    # Caching
    "WorkflowCacheManager": "cache_workflow_definition get_cached_workflow_definition"
    " cache_ai_response",
    "RedisClient": "set get",
    "CacheStrategy": "TTL",
    # Tests
    "WorkflowTestCase": "setup_workflow test_workflow_execution test_ai_agent_interaction"
    " test_error_handling",
    "AIPerformanceTest": "test_llm_latency test_token_optimization test_concurrent_requests",
}
ENDPOINTS = """
    execute_workflow get_workflow_templates pause_workflow resume_workflow generate_ai_workflow
    execute_ai_step optimize_workflow get_workflow_analytics get_workflow_trends
    submit_workflow_feedback
    WorkflowFeedback WorkflowRequirements AIWorkflowRequirements AIStepRequest
    WorkflowOptimizationRequest
"""
COMPONENTS = """
    <WorkflowEngine> WorkflowEngineProps executeStep executeStepByType determineNextStep
    <WorkflowProgress> <WorkflowStepRenderer> WorkflowStepRendererProps renderStepByType
    <DataCollectionStep> <DecisionStep> <ValidationStep> <UnknownStepType>
    <AIStep> AIStepProps executeAI prepareAIContext validateAIResponse handleAcceptResult
    handleRejectResult <AIResultDisplay> <Spinner> <Button>
    WorkflowStatus WorkflowExecutionContext WorkflowError
"""
TABLES = """
    workflow_definitions workflow_templates workflow_categories workflow_executions
    workflow_step_executions workflow_execution_metrics ai_workflow_generations
    ai_step_executions workflow_learning_data
"""
DASHBOARDS = ("AI Performance Dashboard", "Cost Analysis Dashboard", "opentelemetry")
METRICS = """
    ai_request_duration_seconds ai_token_usage_total ai_errors_total ai_request_cost_dollars
    execution_duration step_count success_rate ai_usage user_satisfaction
"""


def documented() -> Iterator[str]:
    for name, methods in CLASSES.items():
        yield name
        yield from (f"{name}.{method}" for method in methods.split())
    for names in (ENDPOINTS, COMPONENTS, TABLES, METRICS):
        yield from names.split()
    yield from DASHBOARDS


def rows() -> dict[str, tuple[str, str]]:
    """Name -> where it is, and the note."""
    return {name: (where, note) for name, where, note in ROW.findall(GLOSSARY)}


@cache
def defined(path: Path) -> frozenset[str]:
    """Every class, function and assigned name of a module, `Class.method` for what is in one."""
    return frozenset(_defined(ast.parse(path.read_text()).body, ""))


def _defined(body: Iterable[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name
            yield from _defined(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name
        elif isinstance(node, ast.Assign):
            yield from (prefix + t.id for t in node.targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield prefix + node.target.id


def test_every_documented_name_has_one_row() -> None:
    found = [name for name, _, _ in ROW.findall(GLOSSARY)]
    assert sorted(found) == sorted(documented())


@pytest.mark.parametrize("name", sorted(rows()))
def test_where_it_says(name: str) -> None:
    where, note = rows()[name]
    assert CODE.search(where) or DECISION.search(where) or PLANNED.search(where), where
    for file, inside in CODE.findall(f"{where} | {note}"):
        assert (ROOT / file).is_file(), file
        assert not inside or inside in defined(ROOT / file), f"{file} has no {inside}"
    for file in DECISION.findall(f"{where} | {note}"):
        assert (ROOT / "docs" / file).is_file(), file
    capabilities = set(CAPABILITY.findall(GLOSSARY))
    assert {said.strip() for said in PLANNED.findall(f"{where} | {note}")} <= capabilities


def test_planned_classes_are_not_there_yet() -> None:
    planned = {name for name, (where, _) in rows().items() if PLANNED.match(where)}
    apps = ("workflow_platform", "core", "engine", "templates", "analytics", "ai")
    built = {name for app in apps for file in (ROOT / app).rglob("*.py") for name in defined(file)}
    assert planned & set(CLASSES) & built == set(), "the glossary calls them planned"


def test_every_capability_is_planned_for_something() -> None:
    section = GLOSSARY.partition("## Planned capabilities")[2]
    listed = set(CAPABILITY.findall(section)) - {"Capability"}
    assert listed == {said.strip() for said in PLANNED.findall(GLOSSARY)}
