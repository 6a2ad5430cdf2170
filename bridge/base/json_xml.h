/*
 * json_xml - XML in the shape of JSON, so that paths lead into it as well.
 *
 *   <a x="1"><b>2</b><b>3</b><c> 4 </c></a>   {"a":{"@x":"1","b":["2","3"],"c":"4"}}
 *
 * An element is an object, or its text (without blanks around it) where it holds nothing else;
 * elements of one name are a list; attributes are members "@name", text beside other things is
 * "#text". Prefixes of namespaces and their declarations are left out. Values are texts. Nothing
 * is fetched, and a document that declares entities is refused: they are how a small one becomes
 * a huge one. SPDX-License-Identifier: MIT
 */
#ifndef BASE_JSON_XML_H
#define BASE_JSON_XML_H

#include "bridge/base/err.h"
#include "bridge/base/json.h"

#include <stddef.h>

enum { XML_DEPTH_MAX = 16, XML_NODES_MAX = 10000 /* elements and attributes */ };

/* One whole document, in the encoding that it names; blanks before it are allowed. Release with
 * json_put. NULL: e says in which line, and what. */
struct json_object *json_from_xml(const char *text, size_t len, struct err *e) MUST_CHECK;

#endif
