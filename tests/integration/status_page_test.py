"""The status page in a headless Chromium, driven over WebDriver, against a server with mail."""

import json
import subprocess
import urllib.error
import urllib.request

from support import IntegrationTest, dovecot, main, wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 12.
BROWSER_ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


class Browser:
    """chromedriver and the browser that it starts. Use it as a context manager."""

    def __init__(self, folder):
        self.port = dovecot.free_ports(1)[0]
        self.folder = folder

    def __enter__(self):
        self.process = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=dovecot.die_with_parent)
        wait_until(self.is_up, "chromedriver")
        options = {"args": [*BROWSER_ARGUMENTS, f"--user-data-dir={self.folder}"]}
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = f"/session/{answer['sessionId']}"
        return self

    def __exit__(self, *_):
        try:
            self.ask("DELETE", self.session)
        finally:
            self.process.terminate()
            self.process.wait()

    def is_up(self):
        try:
            return self.ask("GET", "/status")["ready"]
        except (OSError, urllib.error.URLError):
            return False

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["value"]

    def open(self, url):
        self.ask("POST", f"{self.session}/url", {"url": url})

    def element(self, selector):
        found = self.ask("POST", f"{self.session}/element",
                         {"using": "css selector", "value": selector})
        return f"{self.session}/element/{found[ELEMENT]}"

    def type(self, selector, text):
        self.ask("POST", f"{self.element(selector)}/value", {"text": text})

    def click(self, selector):
        self.ask("POST", f"{self.element(selector)}/click", {})

    def run(self, script):
        return self.ask("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def text(self, selector):
        return self.run(f"return document.querySelector({json.dumps(selector)}).innerText")

    def narrow(self, width):
        """A window of so many pixels; 0: as it was."""
        self.ask("POST", f"{self.session}/goog/cdp/execute", {
            "cmd": "Emulation.setDeviceMetricsOverride", "params": {
                "width": width, "height": 0, "deviceScaleFactor": 0, "mobile": width > 0}})

    def complaints(self):
        """What the console holds of errors: violations of the policy are among them."""
        return [entry["message"] for entry in
                self.ask("POST", f"{self.session}/se/log", {"type": "browser"})
                if entry["level"] == "SEVERE"]


class StatusPageTest(IntegrationTest):

    counts = {"alice": 5, "bob": 3}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser(cls.work.folder / "browser")
        cls.enterClassContext(cls.browser)

    def setUp(self):
        super().setUp()
        self.browser.open("about:blank")
        self.browser.complaints()  # Those of the test before.
        path = self.work.folder / "tenants" / "acme.yaml"
        path.write_text(path.read_text().replace('"}]', '", scopes: [read, send, admin]}]', 1))

    def open_with(self, browser, token):
        browser.open(f"http://127.0.0.1:{self.work.http_port}/")
        browser.type("#token", token)
        browser.click("#login button")

    def mailboxes(self, browser):
        return browser.run("return [...document.querySelector('#mailboxes').rows]"
                           ".map((row) => row.cells[0].textContent)")

    def test_shows_what_there_is_and_follows_it(self):
        browser = self.browser
        with self.work.serve():
            self.open_with(browser, self.work.token)
            total = self.work.on_server().total()
            wait_until(lambda: "As of" in browser.text("#state")
                       and browser.text("#messages") == str(total), "all messages")
            self.assertEqual(["alice", "bob"], self.mailboxes(browser))
            self.assertIn("localhost", browser.text("#pools"))
            self.work.append("alice", b"From: a@b.example\r\nSubject: x\r\n\r\nhi\r\n")
            wait_until(lambda: browser.text("#messages") == str(total + 1), "the next")
            browser.type("#filter", "BO")
            self.assertEqual(["bob"], self.mailboxes(browser))
            self.assertEqual([], browser.complaints())

    def test_nothing_is_cut_off_on_a_phone(self):
        browser = self.browser
        browser.narrow(390)
        self.addCleanup(browser.narrow, 0)
        with self.work.serve():
            self.open_with(browser, self.work.token)
            wait_until(lambda: "As of" in browser.text("#state"), "the first answer")
            self.assertEqual(["alice", "bob"], self.mailboxes(browser))
            self.assertEqual([], browser.run(
                "return [...document.querySelectorAll('section, html')]"
                ".filter((part) => part.scrollWidth > Math.min(390, part.clientWidth))"
                ".map((part) => part.innerText)"))

    def test_keeps_the_token_to_itself(self):
        browser = self.browser
        with self.work.serve():
            self.open_with(browser, self.work.token)
            wait_until(lambda: browser.text("#messages"), "the totals")
            held = browser.run("return [document.documentElement.outerHTML, location.href,"
                               " document.cookie, JSON.stringify({...localStorage}),"
                               " JSON.stringify({...sessionStorage}),"
                               " document.querySelector('#token').value].join(' ')")
            self.assertNotIn(self.work.token, held)
            browser.click("#leave")
            self.assertTrue(browser.run("return document.querySelector('#content').hidden"))
            self.assertEqual([], self.mailboxes(browser))
            # A lexical variable of the page's script is in reach of another script.
            self.assertEqual("", browser.run("return token"))

    def test_a_wrong_token_is_told_and_not_tried_again(self):
        browser = self.browser
        with self.work.serve():
            self.open_with(browser, "wrong")
            wait_until(lambda: "No answer" in browser.text("#state"), "the refusal")
            self.assertFalse(browser.run("return !document.querySelector('#content').hidden"))

    def test_the_policy_holds_for_what_is_put_into_the_page(self):
        browser = self.browser
        with self.work.serve():
            browser.open(f"http://127.0.0.1:{self.work.http_port}/")
            browser.run("const script = document.createElement('script');"
                        "script.textContent = 'window.injected = true';"
                        "document.body.append(script);")
            self.assertIsNone(browser.run("return window.injected || null"))
            self.assertTrue(any("Content Security Policy" in line
                                for line in browser.complaints()))


if __name__ == "__main__":
    main()
