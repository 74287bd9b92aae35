"""Canonicalises with libxml2, called directly, so that nothing in between copies nodes and loses namespaces.

One JSON object a line on standard input: {"xml", "id" or null, "prefixes": [...]}; one JSON string a line out.
"""

import ctypes
import ctypes.util
import json
import sys

lib = ctypes.CDLL(ctypes.util.find_library("xml2") or "libxml2.so.2")
P = ctypes.c_void_p
lib.xmlReadMemory.restype = P
lib.xmlReadMemory.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
lib.xmlXPathNewContext.restype = P
lib.xmlXPathNewContext.argtypes = [P]
lib.xmlXPathEvalExpression.restype = P
lib.xmlXPathEvalExpression.argtypes = [ctypes.c_char_p, P]
lib.xmlC14NDocDumpMemory.restype = ctypes.c_int
lib.xmlC14NDocDumpMemory.argtypes = [P, P, ctypes.c_int, P, ctypes.c_int, ctypes.POINTER(P)]
for name in ("xmlFreeDoc", "xmlXPathFreeContext", "xmlXPathFreeObject"):
    getattr(lib, name).argtypes = [P]


class XPathObject(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("nodes", P)]


def canonical(xml, node_id, prefixes):
    text = xml.encode()
    document = lib.xmlReadMemory(text, len(text), None, None, 0)
    assert document, xml
    context = lib.xmlXPathNewContext(document)
    apex = f"//*[@ID='{node_id}']" if node_id else "/*"
    axes = ["descendant-or-self::node()", "descendant-or-self::*/@*", "descendant-or-self::*/namespace::*"]
    found = lib.xmlXPathEvalExpression("|".join(f"{apex}/{axis}" for axis in axes).encode(), context)
    nodes = ctypes.cast(found, ctypes.POINTER(XPathObject)).contents.nodes
    listed = (ctypes.c_char_p * (len(prefixes) + 1))(*[p.encode() for p in prefixes], None)
    out = P()
    length = lib.xmlC14NDocDumpMemory(document, nodes, 1, ctypes.cast(listed, P), 0, ctypes.byref(out))
    assert length >= 0, xml
    result = ctypes.string_at(out.value, length).decode()
    ctypes.CDLL(None).free(out)
    lib.xmlXPathFreeObject(found)
    lib.xmlXPathFreeContext(context)
    lib.xmlFreeDoc(document)
    return result


ctypes.CDLL(None).free.argtypes = [P]
for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps(canonical(case["xml"], case["id"], case["prefixes"])))
