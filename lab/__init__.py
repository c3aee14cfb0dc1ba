"""An AWS and a Kubernetes API on this machine, and the real Pulumi engine to run on them.

For demo and tests; no product code imports it.

    from lab.running.lab import Lab
    from lab.running.engine import Engine
    from lab.running.program import copy_program

    with Lab.start() as lab:                      # about 8 s once the tools are built; leaves nothing behind
        program = copy_program(Path("."), lab.folder / "program", {"traffic.yaml": changed})
        engine = Engine(lab, "dev", program)      # or "prod": each has a VPC and an API server of its own
        result = engine.up()                      # preview, up, refresh, destroy; extra arguments go to the CLI
        result.code, result.stdout, result.seconds
        result.checked()                          # raises EngineError if the code is not 0
        result.steps                              # Step(operation, urn, changed) with .type and .name, in order
        result.changes, result.having("create")   # without the steps "same"; the names with that operation
        result.diagnostics                        # "error: ...", "warning: ...", "info: ..."
        engine.outputs(); engine.export()         # parsed JSON
        engine.run("stack", "ls")                 # anything else

    lab.env("dev")          # the whole environment of a process: PATH, PULUMI_*, AWS_ENDPOINT_URL, AWS_*, KUBECONFIG
    lab.variables("dev")    # only what differs from the caller's
    lab.aws_endpoint        # for boto3: endpoint_url=lab.aws_endpoint, region lab.surroundings.REGION, any keys
    lab.kubeconfigs["dev"]  # pathlib.Path
    lab.toolchain.path("kubectl")

On the command line: ``python -m lab up`` leaves a lab running and prints the variables; ``python -m lab tools`` only
builds the tools.
"""
