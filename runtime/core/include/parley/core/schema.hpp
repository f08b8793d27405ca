// schema.hpp: a compiled JSON Schema (draft 7), by valijson.
//
// Compiling is slow (microseconds to milliseconds), checking is cheap: compile once and keep it.
// Thread: const use from several threads is safe.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

// The type that `schema` is about: the first where it allows several, such as ["object", "null"];
// "" where it names none.
std::string_view schema_type(const json::object& schema);

class Schema {
 public:
    struct Violation {
        // JSON pointer to the offending value: "/server/port"; "" is the whole document
        std::string path;
        std::string what;  // "expected integer, found string"
    };

    // Fault when the schema itself is wrong.
    static Checked<Schema> compile(const json::value& schema);

    // Empty when `document` conforms. At most 20 violations, outermost first.
    std::vector<Violation> check(const json::value& document) const;

    Schema(Schema&&) noexcept;
    Schema& operator=(Schema&&) noexcept;
    ~Schema();

 private:
    struct Compiled;
    explicit Schema(std::unique_ptr<Compiled> compiled);
    std::unique_ptr<Compiled> compiled_;
};

}  // namespace parley
