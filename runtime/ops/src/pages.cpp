#include <parley/ops/pages.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/text.hpp>
#include <parley/ops/answers.hpp>

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace parley::ops {
namespace {

namespace fs = std::filesystem;

std::string content_type_of(const std::string& name) {
    static const std::map<std::string, std::string, std::less<>> types{
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".webmanifest", "application/manifest+json"}};
    const auto found = types.find(fs::path(name).extension().string());
    return found == types.end() ? "application/octet-stream" : found->second;
}

std::optional<std::string> text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::nullopt;
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

}  // namespace

Checked<Pages> Pages::load(const std::string& dir, const std::map<std::string, std::string>& more,
                           Limits limits) {
    std::map<std::string, std::string> wanted;
    std::error_code error;
    for (fs::recursive_directory_iterator at(dir, error), end; !error && at != end;
         at.increment(error)) {
        if (at->is_regular_file(error))
            wanted[at->path().lexically_relative(dir).generic_string()] = at->path().string();
    }
    if (!wanted.contains("index.html"))
        return Fault{dir, "the dashboard's page is not there",
                     "install parley with its files, or run it from its folder"};
    for (const auto& [name, file] : more) {
        if (fs::is_regular_file(file, error)) wanted[name] = file;
    }
    Pages pages;
    std::size_t bytes = 0;
    for (const auto& [name, file] : wanted) {
        auto text = text_of(file);
        if (!text) return Fault{file, "cannot be read", "check its permissions"};
        bytes += text->size();
        if (bytes > limits.bytes_max || pages.files_.size() >= limits.files_max)
            return Fault{dir, "holds more than a dashboard", "keep other files elsewhere"};
        auto etag = fmt::format("\"{}\"", crypto::sha256_hex(*text).substr(0, 32));
        pages.files_[name] = {content_type_of(name), std::move(*text), std::move(etag)};
    }
    return {boost::system::in_place_value, std::move(pages)};
}

std::string Pages::text(std::string_view name) const {
    const auto found = files_.find(name);
    return found == files_.end() ? "" : found->second.text;
}

net::Response Pages::answer(const net::Request& request, const std::string& name) const {
    const auto found = files_.find(name);
    if (found == files_.end()) return refusal(404, "there is nothing at this path");
    const auto& file = found->second;
    net::Response response;
    if (request.headers.get("If-None-Match") == file.etag) {
        response.status = 304;
    } else {
        response.content_type = file.content_type;
        response.body = file.text;
    }
    response.headers.set("ETag", file.etag);
    response.headers.set("Cache-Control", "private, no-cache");  // asked for again after an update
    set_page_policy(response);
    return response;
}

void Pages::add_to(Routes& routes) const {
    routes.add({{"GET"},
                "/dashboard",
                Access::viewer,
                "the dashboard",
                [this](Asked asked) -> Task<net::Response> {
                    co_return answer(asked.request, "index.html");
                }});
    for (const auto& name : named_by_login()) {
        routes.add({{"GET"},
                    "/dashboard/" + name,
                    Access::open,
                    "what the login page needs",
                    [this, name](Asked asked) -> Task<net::Response> {
                        co_return answer(asked.request, name);
                    }});
    }
    routes.add({{"GET"},
                "/dashboard/*",
                Access::viewer,
                "the dashboard's files",
                [this](Asked asked) -> Task<net::Response> {
                    co_return answer(asked.request, asked.param("*"));
                }});
}

std::set<std::string> Pages::named_by_login() const {
    constexpr std::string_view before = "\"/dashboard/";
    const auto html = text("login.html");
    std::set<std::string> names;
    for (auto at = html.find(before); at != std::string::npos; at = html.find(before, at + 1)) {
        const auto begin = at + before.size();
        const auto name = html.substr(begin, html.find('"', begin) - begin);
        if (files_.contains(name)) names.insert(name);
    }
    return names;
}

}  // namespace parley::ops
