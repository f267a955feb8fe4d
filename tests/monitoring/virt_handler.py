#!/usr/bin/env python3
"""virt_handler.py FOLDER: answers /metrics on loopback as virt-handler does, as far as its metrics have the names of ours: all of
KubeVirt has kubevirt_rest_client_* and process_*. It sends a hundred requests a second to an API server that is not there, and they
go well, or, where FOLDER/badly is, fail. Its port is in FOLDER/port as soon as it listens."""

import http.server
import os
import sys
import time

PER_SECOND = 100
TEXT = """\
# TYPE kubevirt_rest_client_requests_total counter
kubevirt_rest_client_requests_total{{code="200",host="10.96.0.1:443",method="PUT",resource="virtualmachineinstances",verb="UPDATE"}} {well}
kubevirt_rest_client_requests_total{{code="502",host="10.96.0.1:443",method="PUT",resource="virtualmachineinstances",verb="UPDATE"}} {badly}
# TYPE kubevirt_rest_client_request_latency_seconds histogram
kubevirt_rest_client_request_latency_seconds_bucket{{url="https://10.96.0.1:443/%7Bprefix%7D",verb="PUT",le="5"}} 0
kubevirt_rest_client_request_latency_seconds_bucket{{url="https://10.96.0.1:443/%7Bprefix%7D",verb="PUT",le="60"}} {sent}
kubevirt_rest_client_request_latency_seconds_bucket{{url="https://10.96.0.1:443/%7Bprefix%7D",verb="PUT",le="+Inf"}} {sent}
kubevirt_rest_client_request_latency_seconds_sum{{url="https://10.96.0.1:443/%7Bprefix%7D",verb="PUT"}} {seconds}
kubevirt_rest_client_request_latency_seconds_count{{url="https://10.96.0.1:443/%7Bprefix%7D",verb="PUT"}} {sent}
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu}
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 3e+08
# TYPE process_start_time_seconds gauge
process_start_time_seconds {start}
"""


class Handler(http.server.BaseHTTPRequestHandler):
    folder = ""
    start = last = time.time()
    sent = {"well": 0, "badly": 0}

    def do_GET(self):
        now, cls = time.time(), Handler
        how = "badly" if os.path.exists(os.path.join(self.folder, "badly")) else "well"
        cls.sent[how] += round((now - cls.last) * PER_SECOND)
        cls.last = now
        total = sum(cls.sent.values())
        body = TEXT.format(**cls.sent, sent=total, seconds=total * 30, cpu=now - cls.start, start=cls.start).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


Handler.folder = sys.argv[1]
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
port = os.path.join(Handler.folder, "port")
with open(port + ".new", "w") as f:
    print(server.server_address[1], file=f)
os.rename(port + ".new", port)
server.serve_forever()
