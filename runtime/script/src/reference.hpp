// reference.hpp: schemas/lua/*.lua read as data: what editors complete from is also what the
// reference is made from.
//
// It knows the part of LuaCATS that those files use: ---@class with ---@field, ---@param,
// ---@return, plain text, and one example per function. A function without a text, a parameter or
// an example is a fault: nobody else would notice. "-- standard math: abs acos" lists what is Lua's
// own.
//
// Used by: parley-docs and a test. Thread: any.
#pragma once

#include <parley/core/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace parley::script {

struct AnnotatedValue {
    std::string name;  // "options?"
    std::string type;
    std::string text;
};

struct AnnotatedFunction {
    std::string name;       // "http.get"
    std::string signature;  // "http.get(url, options)"
    std::string text;
    std::vector<AnnotatedValue> params, returns;
    std::string example;
};

struct AnnotatedClass {
    std::string name;
    std::string text;
    std::vector<AnnotatedValue> fields;
};

struct AnnotatedFile {
    std::string name;   // "http"
    std::string intro;  // of the table, or of the file
    std::vector<AnnotatedClass> classes;
    std::vector<AnnotatedFunction> functions;
    std::vector<std::string> standard;  // "math.abs"

    const AnnotatedClass* find_class(std::string_view class_name) const;
};

// One file's text; faults are added.
AnnotatedFile read_annotations(const std::string& file_name, std::string_view text,
                               std::vector<Fault>& faults);
// All of a folder, in the order of the page.
boost::system::result<std::vector<AnnotatedFile>, std::vector<Fault>> read_all_annotations(
    const std::string& dir);

// Every function that is described: "http.get", "sleep", "math.abs"; and fields of tables
// ("json.null", "call.from").
std::vector<std::string> annotated_names(const std::vector<AnnotatedFile>& files);

// docs/scripting/reference.md
std::string reference_page(const std::vector<AnnotatedFile>& files);

}  // namespace parley::script
