// The manual page: texts that look like roff are texts, and the model decides what is in it.
#include "engine/app/manual.h"

#include <gtest/gtest.h>

namespace mailhaul::app {
namespace {

TEST(ManualTest, NoTextIsTakenForRoff) {
  EXPECT_EQ(RoffText(".TH x"), "\\&.TH x");
  EXPECT_EQ(RoffText("'so /etc/passwd"), "\\(aqso /etc/passwd");
  EXPECT_EQ(RoffText("a\\fBb"), "a\\(rsfBb");
  EXPECT_EQ(RoffText("a\n.so b"), "a .so b");
  EXPECT_EQ(RoffText("--x ^ ~ \" `"), "\\-\\-x \\(ha \\(ti \\(dq \\(ga");
  EXPECT_EQ(RoffText(""), "");
}

TEST(ManualTest, CommandsOptionsAndExitCodesComeFromTheModel) {
  CLI::App model{"about", "mailhaul"};
  model.footer("Exit codes: 0 fine; 1 not.");
  CLI::App* one = model.add_subcommand("one", "does\n.one");
  int number = 3;
  CLI::Option* count = one->add_option("-n,--number", number, "how often")->capture_default_str();
  bool twice = false;
  one->add_flag("--twice", twice, "again")->needs(count);
  CLI::App* two = model.add_subcommand("two", "does two");
  two->footer("Careful. Exit codes: 7 broken.");
  const std::string page = ManualPage(model, "1.2");
  for (const char* part : {
           ".TH MAILHAUL 1 \"\" \"mailhaul 1.2\"",
           ".SS \"mailhaul one\"\n",
           "does .one.\n",
           ".TP\n\\fB\\-n\\fR, \\fB\\-\\-number\\fR \\fIINT\\fR\nhow often [3].\n",
           "again.\nOnly with \\fB\\-\\-number\\fR.\n",
           ".PP\nCareful. \n.PP\nExit codes:\n.TP\n.B 7\nbroken.\n",
           "Unless a command has its own above:\n.TP\n.B 0\nfine.\n.TP\n.B 1\nnot.\n",
       }) {
    EXPECT_NE(page.find(part), std::string::npos) << part << "\n" << page;
  }
  EXPECT_EQ(page.find("\\-h", page.find(".SH COMMANDS")), std::string::npos);
}

}  // namespace
}  // namespace mailhaul::app
