#!/usr/bin/env python3
"""The commands `helm template`, `lint`, `install`, `upgrade` and `uninstall`, as far as the tests and
the documentation use them.

Helm itself is in no package registry; its library is, and does all the work here: templates, values,
schema, releases.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import helm_python as helm  # noqa: E402


def merge(into, values):
    """Lays values over others, as --values and --set do."""
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def values(args):
    merged = {}
    for path in args.values:
        merge(merged, helm.values_from_yaml(pathlib.Path(path).read_text()))
    for expression in args.set:
        merge(merged, helm.parse_set_string(expression))
    for expression in args.set_json:
        merge(merged, helm.parse_set_json(expression))
    return merged


def cluster(args):
    return helm.Config(kubeconfig_path=args.kubeconfig, namespace=args.namespace)


def lint(args):
    report = helm.lint(args.chart, values(args), strict=args.strict)
    for message in report["messages"]:
        severity = ["UNKNOWN", "INFO", "WARNING", "ERROR"][message["severity"]]
        print(f"[{severity}] {message['path']}: {message['error']}")
    for error in report["errors"]:
        print(f"Error: {error}", file=sys.stderr)
    return 1 if report["errors"] else 0


def template(args):
    with helm.Chart.load(args.chart) as chart:
        chart.validate_schema(values(args))
        rendered = chart.render(values(args), name=args.release, namespace=args.namespace)
    for path, text in rendered.items():
        if text.strip() and not path.endswith("NOTES.txt"):
            print(f"---\n# Source: {path}\n{text}")
    return 0


def install(args):
    with cluster(args) as config:
        release = config.install(
            args.chart, args.release, values(args), create_namespace=args.create_namespace
        )
    return tell(release)


def upgrade(args):
    with cluster(args) as config:
        release = config.upgrade(
            args.chart, args.release, values(args), reuse_values=args.reuse_values
        )
    return tell(release)


def uninstall(args):
    with cluster(args) as config:
        config.uninstall(args.release)
    print(f'release "{args.release}" uninstalled')
    return 0


def tell(release):
    for key in ["name", "namespace", "status", "revision"]:
        print(f"{key.upper()}: {release.get(key)}")
    if release.get("notes"):
        print(f"NOTES:\n{release['notes']}")
    return 0


def parser():
    options = argparse.ArgumentParser(prog="helm", description=__doc__)
    options.add_argument(
        "--version", action="version", version=f"helm library {helm.helm_sdk_version()}"
    )
    commands = options.add_subparsers(required=True, metavar="COMMAND")
    for run, positional, flags in [
        (template, ["release", "chart"], []),
        (lint, ["chart"], ["strict"]),
        (install, ["release", "chart"], ["create-namespace"]),
        (upgrade, ["release", "chart"], ["reuse-values"]),
        (uninstall, ["release"], []),
    ]:
        command = commands.add_parser(run.__name__)
        command.set_defaults(run=run)
        for name in positional:
            command.add_argument(name)
        for name in flags:
            command.add_argument(f"--{name}", action="store_true")
        command.add_argument("--namespace", "-n", default="default")
        command.add_argument("--kubeconfig")
        command.add_argument("--values", "-f", action="append", default=[])
        command.add_argument("--set", action="append", default=[])
        command.add_argument("--set-json", action="append", default=[])
    return options


def main():
    args = parser().parse_args()
    try:
        return args.run(args)
    except helm.HelmError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
