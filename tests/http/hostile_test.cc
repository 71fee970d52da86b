// Raw bytes against a whole connection: one answer or none, and never one to a smuggled request.
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using HostileTest = ServiceTest;

struct Attack {
  const char* name;
  std::string bytes;
  std::vector<unsigned> statuses;  // Of all answers.
};

std::string Head(const std::string& fields) {
  return "GET /healthz HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::vector<Attack> FramingAttacks() {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string chunked = Head("Transfer-Encoding: chunked\r\n");
  return {
      {"CL.TE",
       Head("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\nG" + smuggled,
       {400}},
      {"TE.CL",
       Head("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + "5c\r\n" + smuggled,
       {400}},
      {"TE.TE", Head("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n") + smuggled, {400}},
      {"TE tab", Head("Transfer-Encoding:\tchunked\r\n") + "0\r\n\r\n", {200}},
      {"TE vertical tab",
       Head("Transfer-Encoding:\x0b"
            "chunked\r\n") +
           smuggled,
       {400}},
      {"TE quoted", Head("Transfer-Encoding: \"chunked\"\r\n") + smuggled, {400}},
      {"CL twice", Head("Content-Length: 0\r\nContent-Length: 36\r\n") + smuggled, {400}},
      {"CL list", Head("Content-Length: 0,36\r\n") + smuggled, {400}},
      {"CL space name", Head("Content-Length : 36\r\n") + smuggled, {400}},
      {"CL NUL", Head(std::string("Content-Length: 3\0\r\n", 20)) + smuggled, {400}},
      {"CL folded", Head("Content-Length:\r\n 36\r\n") + smuggled, {400}},
      {"CL hidden by bare CR", Head("X: y\rContent-Length: 36\r\n") + smuggled, {400}},
      {"CL hidden by bare LF", Head("X: y\nContent-Length: 36\r\n") + smuggled, {400}},
      {"honest CL", Head("Content-Length: 35\r\n") + smuggled, {200}},
      {"honest chunk", chunked + "23\r\n" + smuggled + "\r\n0\r\n\r\n", {200}},
      {"chunk then more", chunked + "0\r\n\r\n" + smuggled, {200, 404}},
      {"chunk size with space", chunked + "0 \r\n\r\n" + smuggled, {400}},
      {"chunk size with leading space", chunked + " 0\r\n\r\n" + smuggled, {400}},
      {"chunk size of underscores", chunked + "0_2\r\nab\r\n0\r\n\r\n", {400}},
      {"chunk without size", chunked + "\r\n\r\n" + smuggled, {400}},
      {"chunk LF", chunked + "0\n\n" + smuggled, {400}},
      {"chunk data without CRLF", chunked + "2\r\nabX0\r\n\r\n" + smuggled, {400}},
      {"chunk extension with CR", chunked + "0;a=\rb\r\n\r\n" + smuggled, {400}},
      {"chunk truncated", chunked + "5\r\nab", {}},
  };
}

std::vector<Attack> HeadAttacks() {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  return {
      {"Host twice", Head("Host: b\r\n") + smuggled, {400}},
      {"Host missing", "GET /healthz HTTP/1.1\r\n\r\n" + smuggled, {400}},
      {"Host in capitals twice", Head("HOST: a\r\n") + smuggled, {400}},
      {"Host with CRLF encoded", "GET /healthz HTTP/1.1\r\nHost: a%0d%0ab\r\n\r\n", {200}},
      {"absolute target", "GET http://other/healthz HTTP/1.1\r\nHost: a\r\n\r\n", {200}},
      {"absolute target with user", "GET http://u:p@a/healthz HTTP/1.1\r\nHost: a\r\n\r\n", {400}},
      {"authority target", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", {400}},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {400}},
      {"target with fragment", "GET /healthz#x HTTP/1.1\r\nHost: a\r\n\r\n", {400}},
      {"target with encoded CRLF", "GET /healthz%0d%0aX:y HTTP/1.1\r\nHost: a\r\n\r\n", {400}},
      {"target with encoded NUL", "GET /healthz%00 HTTP/1.1\r\nHost: a\r\n\r\n", {400}},
      {"target with bad escape", "GET /%u0041 HTTP/1.1\r\nHost: a\r\n\r\n", {400}},
      {"dot segments", "GET /v1/../healthz HTTP/1.1\r\nHost: a\r\n\r\n", {401}},
      {"encoded dot segments", "GET /%2e%2e/healthz HTTP/1.1\r\nHost: a\r\n\r\n", {404}},
      {"two slashes", "GET //healthz HTTP/1.1\r\nHost: a\r\n\r\n", {404}},
      {"HTTP/0.9", "GET /healthz\r\n\r\n", {400}},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), {400}},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n", {400}},
      {"random bytes", "\xff\xfe\xfd\r\n\r\n", {400}},
      {"only line ends", "\r\n\r\n\r\n\r\n", {400}},
      {"only spaces", "    \r\n\r\n", {400}},
      {"field without name", Head(": x\r\n"), {400}},
      {"field without colon", Head("abc\r\n"), {400}},
      {"field name with NUL", Head(std::string("a\0b: c\r\n", 8)), {400}},
      {"field name not ASCII", Head("\xc3\xbc: c\r\n"), {400}},
      {"bad Connection list", Head("Connection: ,;=\r\n"), {400}},
      {"Upgrade is ignored", Head("Connection: upgrade\r\nUpgrade: h2c\r\n"), {200}},
      {"method override is ignored", Head("X-HTTP-Method-Override: DELETE\r\n"), {200}},
      {"token in the query",
       "GET /v1/messages?access_token=read-acme HTTP/1.1\r\nHost: a\r\n\r\n",
       {401}},
      {"two authorizations",
       "GET /v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n"
       "Authorization: Bearer read-acme\r\n\r\n",
       {400}},
      {"error then pipelined", "BAD\r\n\r\n" + Head(""), {400}},
  };
}

TEST_F(HostileTest, GetsExactlyTheAnswersItShould) {
  std::vector<Attack> attacks = FramingAttacks();
  const std::vector<Attack> of_the_head = HeadAttacks();
  attacks.insert(attacks.end(), of_the_head.begin(), of_the_head.end());
  for (const Attack& attack : attacks) {
    for (const size_t step : {SIZE_MAX, size_t{1}, size_t{7}}) {
      const std::vector<HttpAnswer> answers = ParseAnswers(Exchange(attack.bytes, step));
      std::vector<unsigned> statuses;
      for (const HttpAnswer& answer : answers) {
        statuses.push_back(answer.status);
        EXPECT_TRUE(answer.complete) << attack.name;
        EXPECT_EQ(answer.fields.at("content-type"),
                  answer.status == 200 ? "application/json" : "application/problem+json");
      }
      EXPECT_EQ(statuses, attack.statuses) << attack.name << " by " << step;
    }
  }
  EXPECT_EQ(Get("/healthz").status, 200U);
}

TEST_F(HostileTest, EveryPrefixOfARequestEndsQuietly) {
  const std::string request =
      "POST /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (size_t size = 0; size < request.size(); ++size) {
    EXPECT_TRUE(Exchange(request.substr(0, size)).empty()) << size;
  }
  EXPECT_EQ(ParseAnswers(Exchange(request)).size(), 1U);
}

TEST_F(HostileTest, EveryByteOfARequestMayBeWrong) {
  const std::string request =
      "GET /v1/messages?limit=5 HTTP/1.1\r\nHost: a\r\n"
      "Authorization: Bearer read-acme\r\n\r\n";
  for (size_t at = 0; at < request.size(); ++at) {
    for (const char c : {'\0', '\r', '\n', ' ', '\x7f', '\xff', '%'}) {
      std::string damaged = request;
      damaged[at] = c;
      const std::vector<HttpAnswer> answers = ParseAnswers(Exchange(damaged));
      EXPECT_LE(answers.size(), 1U) << at;
      for (const HttpAnswer& answer : answers) {
        EXPECT_TRUE(answer.complete);
        EXPECT_LT(answer.status, 500U + (answer.status == 505 ? 10U : 0U)) << at;
      }
    }
  }
}

}  // namespace
}  // namespace mailhaul::http
