#include "engine/config/mailboxes_csv.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/config/csv_reader.h"
#include "engine/config/mailbox_section.h"
#include "engine/config/map_reader.h"

namespace mailhaul::config {
namespace {

constexpr size_t kShownBytesMax = 60;

enum class Place : uint8_t { kMailbox, kSource, kOAuth2, kSubmission };
enum class Form : uint8_t { kText, kEnvironment, kFile };

struct Column {
  std::string_view name;
  Place place;
  std::string_view key;  // Of the map there.
  bool secret = false;   // NAME, NAME_env and NAME_file are one key.
  Form form = Form::kText;
};

constexpr std::array kColumns = {
    Column{"id", Place::kMailbox, "id"},
    Column{"address", Place::kMailbox, "address"},
    Column{"provider", Place::kSource, "provider"},
    Column{"protocol", Place::kSource, "protocol"},
    Column{"host", Place::kSource, "host"},
    Column{"port", Place::kSource, "port"},
    Column{"security", Place::kSource, "security"},
    Column{"allow_plaintext", Place::kSource, "allow_plaintext"},
    Column{"allow_cram_md5", Place::kSource, "allow_cram_md5"},
    Column{"username", Place::kSource, "username"},
    Column{"password", Place::kSource, "password", true},
    Column{"password_env", Place::kSource, "password", true, Form::kEnvironment},
    Column{"password_file", Place::kSource, "password", true, Form::kFile},
    Column{"token_url", Place::kOAuth2, "token_url"},
    Column{"client_id", Place::kOAuth2, "client_id"},
    Column{"client_secret", Place::kOAuth2, "client_secret", true},
    Column{"client_secret_env", Place::kOAuth2, "client_secret", true, Form::kEnvironment},
    Column{"client_secret_file", Place::kOAuth2, "client_secret", true, Form::kFile},
    Column{"refresh_token", Place::kOAuth2, "refresh_token", true},
    Column{"refresh_token_env", Place::kOAuth2, "refresh_token", true, Form::kEnvironment},
    Column{"refresh_token_file", Place::kOAuth2, "refresh_token", true, Form::kFile},
    Column{"submission_host", Place::kSubmission, "host"},
    Column{"submission_port", Place::kSubmission, "port"},
    Column{"submission_security", Place::kSubmission, "security"},
    Column{"submission_allow_plaintext", Place::kSubmission, "allow_plaintext"},
    Column{"submission_username", Place::kSubmission, "username"},
    Column{"submission_password", Place::kSubmission, "password", true},
    Column{"submission_password_env", Place::kSubmission, "password", true, Form::kEnvironment},
    Column{"submission_password_file", Place::kSubmission, "password", true, Form::kFile},
};

using Columns = std::vector<const Column*>;  // As the header has them.

Words ColumnNames() {
  Words names;
  for (const Column& column : kColumns) {
    names.push_back(column.name);
  }
  return names;
}

const Column* FindColumn(std::string_view name) {
  const auto* found = std::find_if(kColumns.begin(), kColumns.end(),
                                   [name](const Column& column) { return column.name == name; });
  return found == kColumns.end() ? nullptr : &*found;
}

// A header that is missing is a row with a password: only what is nearly a column's name is quoted.
void ReportColumn(const CsvCell& cell, Report& report) {
  const Words names = ColumnNames();
  const std::string_view nearest =
      cell.text.empty() || cell.text.size() > kShownBytesMax ? "" : NearestWord(cell.text, names);
  report.Error(cell.position, nearest.empty()
                                  ? "unknown column; known here: " + Listed(names)
                                  : "unknown column '" + EscapeForLog(cell.text, kShownBytesMax) +
                                        "'; did you mean '" + std::string(nearest) + "'?");
}

bool Has(const Columns& columns, std::string_view name) {
  return std::find(columns.begin(), columns.end(), FindColumn(name)) != columns.end();
}

// Nothing: what the rows mean is not known.
std::optional<Columns> ReadHeader(const std::vector<CsvCell>& row, Report& report) {
  const bool any_known = std::any_of(
      row.begin(), row.end(), [](const CsvCell& cell) { return FindColumn(cell.text) != nullptr; });
  if (!any_known) {
    const bool semicolons = row.size() == 1 && row.front().text.find(';') != std::string::npos;
    report.Error(row.front().position,
                 semicolons ? "the values are not separated by commas"
                            : "the first row names the columns: id,address,password and others");
    return std::nullopt;
  }
  Columns columns;
  bool good = true;
  for (const CsvCell& cell : row) {
    const Column* column = FindColumn(cell.text);
    if (column == nullptr) {
      ReportColumn(cell, report);
      good = false;
    } else if (std::find(columns.begin(), columns.end(), column) != columns.end()) {
      report.Error(cell.position, "the column '" + cell.text + "' is there twice");
      good = false;
    }
    columns.push_back(column);
  }
  for (const std::string_view name : {"id", "address"}) {
    if (good && !Has(columns, name)) {
      report.Error(row.front().position, "the column '" + std::string(name) + "' is missing");
      good = false;
    }
  }
  return good ? std::optional(std::move(columns)) : std::nullopt;
}

Node Scalar(std::string_view text, Position position) {
  Node node;
  node.kind = text.empty() ? Node::Kind::kNull : Node::Kind::kScalar;
  node.position = position;
  node.text = text;
  return node;
}

Node Map(Position position) {
  Node node;
  node.kind = Node::Kind::kMap;
  node.position = position;
  return node;
}

void Put(Node& map, std::string_view key, Node value) {
  map.children.push_back(Scalar(key, value.position));
  map.children.push_back(std::move(value));
}

bool HasKey(const Node& map, std::string_view key) {
  for (size_t i = 0; i < map.children.size(); i += 2) {
    if (map.children[i].text == key) {
      return true;
    }
  }
  return false;
}

Node ValueOf(const Column& column, const CsvCell& cell) {
  if (column.form == Form::kText) {
    return Scalar(cell.text, cell.position);
  }
  Node reference = Map(cell.position);
  Put(reference, column.form == Form::kFile ? "file" : "env", Scalar(cell.text, cell.position));
  return reference;
}

// The row as YAML would have it. An empty cell is an absent key. Nothing: reported.
std::optional<Node> ToMailbox(const Columns& columns, const std::vector<CsvCell>& row,
                              Report& report) {
  const Position start = row.front().position;
  if (row.size() != columns.size()) {
    report.Error(start, "the row has " + std::to_string(row.size()) + " values for " +
                            std::to_string(columns.size()) + " columns");
    return std::nullopt;
  }
  std::array<Node, 4> maps = {Map(start), Map(start), Map(start), Map(start)};
  const auto map_of = [&maps](Place place) -> Node& { return maps[static_cast<size_t>(place)]; };
  for (size_t i = 0; i < row.size(); ++i) {
    const Column& column = *columns[i];
    const CsvCell& cell = row[i];
    Node& map = map_of(column.place);
    if (!IsValidUtf8(cell.text)) {
      report.Error(cell.position, "the value of '" + std::string(column.name) + "' is not UTF-8");
      return std::nullopt;
    }
    if (cell.text.empty() && column.place != Place::kMailbox) {
      continue;
    }
    if (column.secret && HasKey(map, column.key)) {
      report.Error(cell.position, "the row gives '" + std::string(column.key) + "' twice");
      return std::nullopt;
    }
    Put(map, column.key, ValueOf(column, cell));
  }
  Node& source = map_of(Place::kSource);
  Node& oauth2 = map_of(Place::kOAuth2);
  if (!HasKey(source, "password") && !HasKey(oauth2, "refresh_token")) {
    report.Error(start,
                 "the row gives no password: 'password', 'password_env', 'password_file' or a "
                 "'refresh_token'");
    return std::nullopt;
  }
  if (!oauth2.children.empty()) {
    Put(source, "oauth2", std::move(oauth2));
  }
  Put(map_of(Place::kMailbox), "source", std::move(source));
  if (!map_of(Place::kSubmission).children.empty()) {
    Put(map_of(Place::kMailbox), "submission", std::move(map_of(Place::kSubmission)));
  }
  return std::move(map_of(Place::kMailbox));
}

// Ids in force so far: of the tenant file, and of the rows before.
class TakenIds final {
 public:
  explicit TakenIds(const ParsedTenant& parsed)
      : yaml_(parsed.tenant.file), in_yaml_(parsed.line_of_id) {}

  void Take(const std::string& id, Position position, Report& report) {
    const auto yaml = in_yaml_.find(id);
    const auto [first, added] = in_rows_.emplace(id, position.line);
    if (yaml == in_yaml_.end() && added) {
      return;
    }
    report.Error(position, "the mailbox id '" + id + "' is already used in line " +
                               std::to_string(added ? yaml->second : first->second) +
                               (added ? " of " + EscapeForLog(yaml_) : ""));
  }

 private:
  const std::string& yaml_;
  const std::unordered_map<std::string, int>& in_yaml_;
  std::unordered_map<std::string, int> in_rows_;
};

}  // namespace

void ParseMailboxesCsv(std::string_view text, const Providers& providers, References& references,
                       Report& report, ParsedTenant& parsed) {
  CsvReader reader(text, report);
  std::vector<CsvCell> row;
  if (!reader.Next(row)) {
    if (!report.failed()) {
      report.Error({}, "the file is empty: its first row names the columns");
    }
    return;
  }
  const std::optional<Columns> columns = ReadHeader(row, report);
  if (!columns) {
    return;
  }
  const auto id_column = static_cast<size_t>(
      std::find(columns->begin(), columns->end(), FindColumn("id")) - columns->begin());
  TakenIds taken(parsed);
  size_t rows = 0;
  while (reader.Next(row)) {
    if (++rows > kCsvRowsMax) {
      report.Error(row.front().position,
                   "more than " + std::to_string(kCsvRowsMax) + " mailboxes in one file");
      return;
    }
    const std::optional<Node> node = ToMailbox(*columns, row, report);
    if (!node) {
      continue;
    }
    MailboxConfig mailbox = ReadMailbox(*node, providers, references, report);
    if (!mailbox.id.empty()) {
      taken.Take(mailbox.id, row[id_column].position, report);
      parsed.tenant.mailboxes.push_back(std::move(mailbox));
    }
  }
}

}  // namespace mailhaul::config
