"""Every rule of tools/tidy.py: a tree that keeps it passes, a sample that breaks it is caught.

    python3 tests/lint/tidy_test.py
"""

import os
import shutil
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

import cpp_text  # noqa: E402
import tidy  # noqa: E402

GOOD_TREE = {
    "LICENSE": "text\n",
    "base/CMakeLists.txt": "mailhaul_module(base SOURCES status.cc clock.cc)\n",
    "base/status.h": "#pragma once\n",
    "base/status.cc": '#include "base/status.h"\n',
    "base/clock.cc": "int Now() { return std::chrono::steady_clock::now(); }\n",
    "connectors/net/CMakeLists.txt": "mailhaul_module(net SOURCES loop.cc)\n",
    "connectors/net/loop.h": "#pragma once\n",
    "connectors/net/loop.cc": '#include <uv.h>\n\n#include "base/status.h"\n',
    "store/CMakeLists.txt": "mailhaul_module(store SOURCES rocks.cc)\n",
    "store/rocks.cc": '#include <rocksdb/db.h>\n\n#include "base/status.h"\n',
    "engine/app/CMakeLists.txt": "mailhaul_module(app SOURCES main.cc)\n",
    "engine/app/main.cc": '#include "connectors/net/loop.h"\n#include "store/schema.h"\n',
    "tests/fuzz/CMakeLists.txt": "foreach(n line)\n  fuzz(${n}_fuzz.cc)\nendforeach()\n",
    "tests/fuzz/line_fuzz.cc": "\n",
}


def run(changes, check_format=False):
    """The messages for the good tree with `changes`, as "file:line: message"."""
    root = tempfile.mkdtemp()
    try:
        for path, text in {**GOOD_TREE, **changes}.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())
        problems = tidy.Tidy(root).run(check_format)
        return [f"{path}:{line}: {message}" for path, line, message in problems]
    finally:
        shutil.rmtree(root)


def body(statement):
    """A coroutine around `statement`, which stands on line 2."""
    return f"Task<Status> Converse(Session& session) {{\n{statement}\n}}\n"


class TidyCase(unittest.TestCase):
    def assert_clean(self, changes, **options):
        self.assertEqual(run(changes, **options), [])

    def assert_caught(self, changes, expected, **options):
        messages = run(changes, **options)
        self.assertTrue(any(expected in message for message in messages), (expected, messages))

    def assert_base_caught(self, text, expected):
        self.assert_caught({"base/status.cc": text}, expected)


class TreeTest(TidyCase):
    def test_a_good_tree_is_clean(self):
        self.assert_clean({})

    def test_a_lower_layer_must_not_include_a_higher_one(self):
        for path, header in (
            ("base/status.cc", "store/schema.h"),
            ("store/rocks.cc", "connectors/net/loop.h"),
            ("store/rocks.cc", "scheduler/scheduler.h"),
            ("store/rocks.cc", "engine/mime/parser.h"),
            ("connectors/net/loop.cc", "engine/app/main.h"),
            ("connectors/net/loop.cc", "tests/support/fake.h"),
        ):
            with self.subTest(path=path, header=header):
                self.assert_caught({path: f'\n#include "{header}"\n'}, f"{path}:2: layer")

    def test_parts_of_the_engine_know_only_what_they_may(self):
        parts = {"config", "mime", "http", "pipeline", "app"}
        allowed = {("pipeline", "mime")} | {("app", part) for part in parts}
        for own in parts:
            for other in parts - {own}:
                changes = {
                    f"engine/{own}/CMakeLists.txt": "x.cc main.cc\n",
                    f"engine/{own}/x.cc": f'#include "engine/{other}/y.h"\n',
                }
                with self.subTest(own=own, other=other):
                    if (own, other) in allowed:
                        self.assert_clean(changes)
                    else:
                        self.assert_caught(changes, f"engine/{own}/x.cc:1: layer")

    def test_includes_are_written_from_the_root(self):
        self.assert_base_caught('#include "status.h"\n', "base/status.cc:1: includes are written")
        self.assert_base_caught('#include "../base/status.h"\n', "includes are written")
        self.assert_clean({"store/rocks.cc": '#include "record_generated.h"\n'})

    def test_an_include_in_a_comment_or_string_does_not_count(self):
        self.assert_clean({"base/status.cc": '// see\n/*\n#include "store/a.h"\n*/\n'})
        self.assert_clean({"base/status.cc": 'auto x = R"(\n#include "store/a.h"\n)";\n'})

    def test_libraries_stay_in_their_folders(self):
        for header in ("uv.h", "openssl/ssl.h", "ares.h", "rocksdb/db.h", "gmime/gmime.h",
                       "boost/beast/http.hpp", "yaml-cpp/yaml.h", "spdlog/spdlog.h",
                       "tbb/task_arena.h", "oneapi/tbb/task_arena.h"):
            with self.subTest(header=header):
                self.assert_base_caught(f"#include <{header}>\n", "base/status.cc:1: only")
        self.assert_caught({"store/rocks.h": "#pragma once\n#include <rocksdb/db.h>\n"},
                           "store/rocks.h:2: only store/*.cc")

    def test_tests_may_include_everything(self):
        self.assert_clean({"tests/fuzz/line_fuzz.cc":
                           '#include <rocksdb/db.h>\n#include "engine/app/main.h"\n'})

    def test_folders_must_not_include_each_other(self):
        pair = {"connectors/imap/a.h": '#pragma once\n#include "connectors/net/b.h"\n',
                "connectors/net/b.h": '#pragma once\n#include "connectors/imap/a.h"\n'}
        self.assert_caught(pair, "include each other")
        family = {"connectors/a.h": '#pragma once\n#include "connectors/net/b.h"\n',
                  "connectors/net/b.h": '#pragma once\n#include "connectors/a.h"\n'}
        self.assert_clean(family)

    def test_a_header_has_pragma_once(self):
        self.assert_caught({"base/x.h": "#ifndef X_H\n#define X_H\n#endif\n"}, "#pragma once")

    def test_stray_files_are_found(self):
        self.assert_caught({"base/notes.bak": "x\n"}, "base/notes.bak:1: stray file")
        self.assert_caught({"core": "x\n"}, "core:1: stray file")
        self.assert_caught({"docs/pr\u00fcfung.md": "x\n"}, "file names are ASCII")
        self.assert_caught({"docs/big.md": "x\n" * 300_000}, "docs/big.md:1: file over 512 KiB")
        self.assert_clean({"tests/corpus/imap/case.bin": b"\x00" * 600_000})
        self.assert_clean({"build/release/trash.o": "x"})

    def test_every_source_is_named_by_its_cmake_file(self):
        self.assert_caught({"base/lost.cc": "\n"}, "base/lost.cc:1: no CMakeLists.txt")
        self.assert_caught({"base/CMakeLists.txt": "# status.cc clock.cc\n"}, "base/status.cc:1")
        self.assert_caught({"tests/fuzz/other_fuzz.cc": "\n"}, "other_fuzz.cc:1: no CMakeLists")
        self.assert_caught({"base/us.cc": "\n"}, "base/us.cc:1: no CMakeLists.txt")

    @unittest.skipUnless(shutil.which(tidy.CLANG_FORMAT), "clang-format is not installed")
    def test_the_format_is_checked(self):
        style = {".clang-format": "BasedOnStyle: Google\nColumnLimit: 100\n"}
        self.assert_caught({**style, "base/status.cc": "int  x=1 ;\n"},
                           "base/status.cc:1: not formatted", check_format=True)
        self.assert_caught({**style, "base/status.cc": "int y = 1;\nint  x=1 ;\n"},
                           "base/status.cc:2: not formatted", check_format=True)


class SizeTest(TidyCase):
    def test_long_files_and_lines_are_found(self):
        self.assert_base_caught("\n" * 601, "base/status.cc:601: file of 601 lines")
        self.assert_clean({"base/status.cc": "\n" * 600})
        self.assert_base_caught("// " + "x" * 98 + "\n", "base/status.cc:1: line of 101 columns")
        self.assert_clean({"base/status.cc": "// " + "\u00fc" * 97 + "\n"})

    def test_long_functions_are_found_wherever_they_stand(self):
        lines = "  Work();\n"
        for opening, closing in (
            ("int F(int a) {\n", "}\n"),
            ("namespace a {\nnamespace {\nint F(int a) {\n", "}\n}\n}\n"),
            ("class A final : public B {\n public:\n  int F() const override {\n", "}\n};\n"),
            ("A::A(int a)\n    : a_{a}, b_(a) {\n", "}\n"),
            ("template <typename T>\nauto F(T t) -> decltype(t) {\n", "}\n"),
            ("TEST_F(Fixture, Name) {\n", "}\n"),
            ("int F() {\n  char c = '}';\n  auto s = R\"x(}}} \")x\";  // }\n", "}\n"),
        ):
            with self.subTest(opening=opening):
                self.assert_base_caught(opening + lines * 72 + closing, "lines, at most 70")
                self.assert_clean({"base/status.cc": opening + lines * 60 + closing})

    def test_a_function_of_the_greatest_length_passes(self):
        self.assert_clean({"base/status.cc": "void F() {\n" + "  W();\n" * 68 + "}\n"})
        self.assert_base_caught("void F() {\n" + "  W();\n" * 69 + "}\n",
                                "base/status.cc:1: function of 71 lines")

    def test_long_tables_and_types_are_no_functions(self):
        for opening, line in (
            ("constexpr int kTable[] = {", "  1,"),
            ("enum class A {", "  kA,"),
            ("struct A {", "  int F() { return 1; }"),
        ):
            with self.subTest(opening=opening):
                self.assert_clean({"base/status.cc": f"{opening}\n" + f"{line}\n" * 80 + "};\n"})


class CoroutineTest(TidyCase):
    def test_whole_statements_pass(self):
        for statement in (
            "  co_await session.Close();",
            "  Status status = co_await session.Login(user);",
            "  status = co_await session->Login(std::move(user));",
            "  const std::optional<std::vector<int>> x = co_await f(a, b[i], g(c));",
            "  member_->slots_[i] = co_await shot.Wait();",
            "  co_return co_await session.Login(user);",
            "  CO_TRY(const Folder folder, session.Open(folders[0]));",
            "  CO_RETURN_IF_ERROR(session.Login(user));",
            "  if (ready) {\n    co_await session.Close();\n  }",
            "  switch (kind) {\n    case Kind::kA:\n      CO_TRY(int x, f());\n      break;\n  }",
            "  // if (co_await f()) {}",
        ):
            with self.subTest(statement=statement):
                self.assert_clean({"base/status.cc": body(statement)})

    def test_parts_of_statements_are_caught(self):
        for statement in (
            "  if (co_await session.Ready()) {\n  }",
            "  while (co_await session.Ready()) {\n  }",
            "  switch (co_await session.Kind()) {\n  }",
            "  for (int i = 0; co_await session.Ready(); ++i) {\n  }",
            "  for (int i = co_await session.First(); i < 3; ++i) {\n  }",
            "  Use(co_await session.Read());",
            "  int x = Use(1, co_await session.Read());",
            "  int x = flag ? co_await session.Read() : 0;",
            "  int x = co_await session.Read() + 1;",
            "  int x = co_await session.Read() ? 1 : 2;",
            "  int x = 1 + co_await session.Read();",
            "  auto [a, b] = co_await session.Read();",
            "  return co_await session.Read();",
            "  if (ready) co_await session.Close();",
            "  total += co_await session.Read();",
            "  int x = co_await f(co_await g());",
            "  int x = items[co_await session.Read()];",
            "  Foo foo{co_await session.Read()};",
            "  if (ready) CO_TRY(int x, session.Read());",
            "  CO_TRY((auto [a, b]), session.Read()) + 1;",
            "  CO_TRY(auto [a, b], session.Read());",
        ):
            with self.subTest(statement=statement):
                self.assert_base_caught(body(statement), "base/status.cc:2: D1")

    def test_braces_and_lambdas_in_an_awaited_call_are_caught(self):
        for statement in (
            "  int x = co_await f(Options{1, 2});",
            "  int x = co_await f({1, 2});",
            "  int x = co_await f([&] { return 1; });",
            "  int x = co_await f(1, [this](int a) { return a; });",
            "  CO_TRY(int x, f(Options{1}));",
            "  CO_RETURN_IF_ERROR(f([] { return 1; }));",
        ):
            with self.subTest(statement=statement):
                self.assert_base_caught(body(statement), "base/status.cc:2: D2")

    def test_lambda_coroutines_are_caught(self):
        for statement in (
            "  auto f = [&]() -> Task<int> { co_return 1; };",
            "  Spawn([this, &a](int b) mutable {\n    co_await Sleep();\n  });",
            "  auto f = [] { CO_TRY(int x, g()); };",
            "  std::function<Task<int>()> f = [=]() noexcept { co_return 1; };",
        ):
            with self.subTest(statement=statement):
                self.assert_base_caught(body(statement), "base/status.cc:2: D3")
        self.assert_clean({"base/status.cc": body("  int x = a[i];\n  auto f = [] { return 1; };\n"
                                                  "  co_return f();")})

    def test_the_macros_and_the_operator_themselves_pass(self):
        header = ("#pragma once\n#define CO_TRY(d, ...) \\\n"
                  "  auto r = (co_await __VA_ARGS__); \\\n  d = r\n"
                  "struct A {\n  int operator co_await() && { return 1; }\n};\n")
        self.assert_clean({"base/x.h": header})


class WordTest(TidyCase):
    def test_banned_calls_are_caught(self):
        for call in ("std::this_thread::yield()", "sleep_for(x)", "usleep(1)", "nanosleep(a, b)",
                     "sleep(1)", "system(\"ls\")", "std::system(\"ls\")", "popen(\"ls\", \"r\")",
                     "rand()", "std::rand()", "srand(1)", "std::random_device device",
                     "std::chrono::steady_clock::now()", "std::chrono::system_clock::now()",
                     "std::getenv(\"A\")", "getenv(\"A\")", "secure_getenv(\"A\")",
                     "printf(\"a\")", "std::printf(\"a\")", "std::cout << 1", "puts(\"a\")",
                     "GTEST_" + "SKIP()"):
            with self.subTest(call=call):
                self.assert_base_caught(f"void F() {{\n  {call};\n}}\n", "base/status.cc:2: ")

    def test_words_like_the_banned_ones_pass(self):
        for call in ("file_system(1)", "options.system(1)", "operand(1)", "snprintf(a, b)",
                     "std::fprintf(stderr, a)", "outputs(1)", "SleepUntil(x)", "now()",
                     'Log("system(x) rand() printf(")'):
            with self.subTest(call=call):
                self.assert_clean({"base/status.cc": f"void F() {{\n  {call};\n}}\n"})

    def test_what_is_fine_at_home_passes_there(self):
        self.assert_clean({"engine/app/main.cc": 'void F() {\n  getenv("A");\n  printf("a");\n}\n'})

    def test_notes_to_self_and_disabled_tests_are_caught_in_every_text(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" + "XX"):
            self.assert_base_caught(f"// {word}: later\n", "no notes to self")
            self.assert_caught({"docs/a.md": f"\n{word}\n"}, "docs/a.md:2: ")
            self.assert_clean({"docs/a.md": f"{word}{word}\n"})
        self.assert_caught({"tests/fuzz/line_fuzz.cc": "TEST(A, DISABLED" + "_B) {}\n"},
                           "tests are not disabled")


class CppTextTest(unittest.TestCase):
    def test_literals_and_comments_become_blank_and_nothing_moves(self):
        text = 'int a = 1\'000; // "x"\nauto s = "a\\"//b"; /* {\n} */ char c = \'"\';\n' \
               'auto r = R"y(")" {)y"; int z;\n'
        blank = cpp_text.blank_literals(text)
        self.assertEqual(len(blank), len(text))
        self.assertEqual(blank.count("\n"), text.count("\n"))
        self.assertNotIn("{", blank)
        self.assertNotIn("x", blank)
        self.assertIn("int z;", blank)
        self.assertIn("1'000;", blank)

    def test_lambdas_are_told_from_subscripts_and_attributes(self):
        code = "[[nodiscard]] int f(); x = a[i](1); auto l = [&](int b) { return b; }; g([] {});"
        self.assertEqual([body for _, body in cpp_text.lambdas(code)], ["{ return b; }", "{}"])


if __name__ == "__main__":
    unittest.main()
