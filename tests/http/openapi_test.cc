// The description says what the gate's table says, and nothing else. That answers are as described
// is for tests/integration/openapi_test.py.
#include "engine/http/openapi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>
#include <string>

#include "engine/http/gate.h"

namespace mailhaul::http {
namespace {

namespace json = boost::json;

std::string ToString(const json::string& text) { return {text.data(), text.size()}; }

// "/v1/mailboxes/{mailbox}" as the table writes it.
std::string WithoutNames(std::string path) {
  size_t open = 0;
  while ((open = path.find('{', open)) != std::string::npos) {
    path.erase(open + 1, path.find('}', open) - open - 1);
    ++open;
  }
  return path;
}

class OpenApiTest : public testing::Test {
 protected:
  // What a reference within the document points at; other values are themselves.
  const json::value& Resolved(const json::value& value) const {
    const json::value* reference =
        value.is_object() ? value.get_object().if_contains("$ref") : nullptr;
    return reference == nullptr ? value
                                : document_.at_pointer(ToString(reference->as_string()).substr(1));
  }

  // By path as in the table, then by method in capitals.
  std::map<std::string, std::map<std::string, const json::object*>> Operations() const {
    std::map<std::string, std::map<std::string, const json::object*>> found;
    for (const auto& [path, item] : document_.at("paths").as_object()) {
      for (const auto& [key, operation] : item.as_object()) {
        std::string method = ToString(json::string(key));
        std::transform(method.begin(), method.end(), method.begin(),
                       [](char c) { return static_cast<char>(c - 'a' + 'A'); });
        if (key != "parameters") {
          found[WithoutNames(ToString(json::string(path)))][method] = &operation.as_object();
        }
      }
    }
    return found;
  }

  std::set<std::string> Parameters(const json::object& operation, std::string_view in) const {
    std::set<std::string> names;
    const json::value* list = operation.if_contains("parameters");
    if (list != nullptr) {
      for (const json::value& reference : list->as_array()) {
        const json::value& parameter = Resolved(reference);
        if (std::string_view(ToString(parameter.at("in").as_string())) == in) {
          names.insert(ToString(parameter.at("name").as_string()));
        }
      }
    }
    return names;
  }

  const json::value document_ = json::parse(std::string(OpenApiText()));
};

TEST_F(OpenApiTest, IsOfVersionThreeOne) {
  EXPECT_EQ(document_.at("openapi").as_string(), "3.1.0");
}

TEST_F(OpenApiTest, HasThePathsAndMethodsOfTheTable) {
  std::set<std::string> described;
  for (const auto& [path, methods] : Operations()) {
    for (const auto& [method, operation] : methods) {
      described.insert(method + " " + path);
      if (method == "GET") {
        described.insert("HEAD " + path);
      }
    }
  }
  std::set<std::string> served;
  for (const RouteInfo& route : DescribeRoutes()) {
    served.insert(route.method + " " + route.path);
  }
  EXPECT_EQ(described, served);
}

TEST_F(OpenApiTest, HasTheQueryParametersOfTheTable) {
  const auto operations = Operations();
  for (const RouteInfo& route : DescribeRoutes()) {
    std::set<std::string> described;
    for (const auto& [method, operation] : operations.at(route.path)) {
      const std::set<std::string> names = Parameters(*operation, "query");
      described.insert(names.begin(), names.end());
    }
    const std::set<std::string> taken(route.parameters.begin(), route.parameters.end());
    EXPECT_EQ(described, taken) << route.path;
  }
}

TEST_F(OpenApiTest, NamesTheParametersOfEachPath) {
  for (const auto& [path, item] : document_.at("paths").as_object()) {
    const std::string text = ToString(json::string(path));
    const std::set<std::string> names = Parameters(item.as_object(), "path");
    EXPECT_EQ(names.size(), static_cast<size_t>(std::count(text.begin(), text.end(), '{'))) << text;
    for (const std::string& name : names) {
      EXPECT_NE(text.find("{" + name + "}"), std::string::npos) << text;
    }
  }
}

TEST_F(OpenApiTest, AsksForTheScopesOfTheTable) {
  const auto operations = Operations();
  for (const RouteInfo& route : DescribeRoutes()) {
    if (route.method == "HEAD") {
      continue;
    }
    std::string scope;
    for (const json::value& way :
         operations.at(route.path).at(route.method)->at("security").as_array()) {
      if (!way.as_object().empty()) {
        scope = ToString(way.at("token").as_array().at(0).as_string());
      }
    }
    EXPECT_EQ(scope, route.scope) << route.method << " " << route.path;
  }
}

TEST_F(OpenApiTest, OperationsHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const auto& [path, methods] : Operations()) {
    for (const auto& [method, operation] : methods) {
      EXPECT_TRUE(names.insert(ToString(operation->at("operationId").as_string())).second) << path;
    }
  }
}

}  // namespace
}  // namespace mailhaul::http
