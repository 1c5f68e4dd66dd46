"""A backend that verifies phone numbers with PhoneCheck v0.1, with the standard library alone. It knows nothing of the
simulator: API_BASE_URL, or HTTPS_PROXY with the API's real name, decides whom it speaks to."""

import base64
import http.client
import http.cookies
import json
import os
import re
import secrets
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API = os.environ.get("API_BASE_URL", "https://eu.api.idlayr.com")
CREDENTIALS = base64.b64encode(f"{os.environ['TRU_ID_CLIENT_ID']}:{os.environ['TRU_ID_CLIENT_SECRET']}".encode()).decode()

lock = threading.Lock()
token = {"value": "", "expires": 0.0}
sessions = {}  # cookie to the session's check

# The platform cannot be reached, refuses, or answers what makes no sense.
FAILURES = (OSError, http.client.HTTPException, ValueError, LookupError, TypeError)


def send(path, authorization, body=None, kind="application/json"):
    request = urllib.request.Request(API + path, data=body, headers={"Authorization": authorization, "Content-Type": kind})
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


def access_token(fresh=False):
    with lock:
        if fresh or token["expires"] < time.monotonic():
            form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "phone_check"}).encode()
            got = send("/oauth2/v1/token", "Basic " + CREDENTIALS, form, "application/x-www-form-urlencoded")
            token.update(value=got["access_token"], expires=time.monotonic() + got["expires_in"] - 60)
        return token["value"]


def call(path, body=None):
    try:
        return send(path, "Bearer " + access_token(), body)
    except urllib.error.HTTPError as error:
        if error.code != 401:  # the token died before its time
            raise
        return send(path, "Bearer " + access_token(fresh=True), body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, cookie=None):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if cookie:
            self.send_header("Set-Cookie", f"session={cookie}; HttpOnly; SameSite=Lax; Path=/")
        self.end_headers()
        self.wfile.write(raw)

    def do_POST(self):
        try:
            sent = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 10000)))
            number = re.sub(r"^(\+|00)", "", re.sub(r"[\s()-]", "", str(sent["phone_number"])))
        except (ValueError, KeyError, TypeError):
            number = ""
        if not re.fullmatch(r"[1-9]\d{6,14}", number):
            return self.answer(400, {"error_message": "a number with its country code, please"})
        try:
            check = call("/phone_check/v0.1/checks", json.dumps({"phone_number": number}).encode())
            check_id, check_url = check["check_id"], check["_links"]["check_url"]["href"]
        except FAILURES:
            return self.answer(502, {"error_message": "no check, please use another way"})
        session = secrets.token_hex(16)
        sessions[session] = check_id
        self.answer(200, {"check_id": check_id, "check_url": check_url}, session)

    def do_GET(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("check_id", [""])[0]
        cookie = http.cookies.SimpleCookie(self.headers.get("Cookie", "")).get("session")
        if not cookie or sessions.get(cookie.value) != asked:
            return self.answer(403, {"error_message": "not your check"})
        try:
            check = call("/phone_check/v0.1/checks/" + asked)
            result = {"check_id": asked}
            if check["status"] == "COMPLETED":
                result["match"] = check["match"]
        except FAILURES:
            return self.answer(502, {"error_message": "no result, please use another way"})
        self.answer(200, result)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Handler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
