"""The server of the lab's AWS: moto, and the layers around it that answer what moto does not."""

import sys
import threading

from flask import Flask
from moto.backends import SERVICE_NAMES
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from lab.aws_api.beyond_moto.athena import workgroups_and_queries
from lab.aws_api.beyond_moto.buckets import hold_conditions
from lab.aws_api.beyond_moto.clusters import PodIdentities, cluster_groups
from lab.aws_api.beyond_moto.deliveries import deliveries
from lab.aws_api.beyond_moto.flow_logs import DestinationOptions
from lab.aws_api.beyond_moto.network_interfaces import refuse_taken_addresses
from lab.aws_api.beyond_moto.rules import Rules
from lab.aws_api.beyond_moto.security_groups import dependencies, quotas
from lab.aws_api.beyond_moto.vault import transit
from lab.aws_api.call import LayeredApplication
from lab.aws_api.remembered import remember
from lab.aws_api.seed import seed
from lab.surroundings import REGION

# "Available AWS-managed prefix lists": the weight of CloudFront's origin-facing list, however many entries it has.
_CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"
_CLOUDFRONT_WEIGHT = 55


def _service(name: SERVICE_NAMES) -> Flask:
    application = create_backend_app(name)
    # An operation that moto lacks then fails with its name, not with an error 500 that clients retry for minutes.
    application.config["PROPAGATE_EXCEPTIONS"] = True
    return application


def serve() -> None:
    """Serve until the process ends, and print the endpoint once the account is seeded."""
    remember()
    hold_conditions()
    refuse_taken_addresses()
    application = LayeredApplication(
        (
            *(transit, dependencies, quotas, Rules(), DestinationOptions(), deliveries),
            *(cluster_groups, PodIdentities(), workgroups_and_queries),
        ),
        DomainDispatcherApplication(_service),
    )
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for prefix_list in ec2_backends[DEFAULT_ACCOUNT_ID][REGION].managed_prefix_lists.values():
        if prefix_list.prefix_list_name == _CLOUDFRONT:
            prefix_list.max_entries = str(_CLOUDFRONT_WEIGHT)
    endpoint = f"http://127.0.0.1:{server.port}"
    seed(endpoint)
    sys.stdout.write(endpoint + "\n")
    sys.stdout.flush()
    thread.join()
