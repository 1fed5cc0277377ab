package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// TestDocumented checks that every package and every exported name has a comment. A
// blank line between the comment and the name is enough to lose it.
func TestDocumented(t *testing.T) {
	fset := token.NewFileSet()
	packages := map[string]bool{} // by folder: whether it has a comment
	names := 0
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		file, err := parser.ParseFile(fset, filepath.Join(root, f.path), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		packages[f.dir] = packages[f.dir] || file.Doc != nil
		if f.pkg == "main" {
			continue
		}
		for _, decl := range file.Decls {
			for _, name := range undocumented(decl, &names) {
				t.Errorf("%s: %s has no comment", fset.Position(name.Pos()), name.Name)
			}
		}
	}
	for dir, commented := range packages {
		if !commented {
			t.Errorf("%s: the package has no comment", dir)
		}
	}
	if names < 500 {
		t.Errorf("found %d exported names only: the search is wrong", names)
	}
}

// undocumented returns the exported names of a declaration that lack a comment. A
// group of constants, variables or types may share one. The methods of types that
// are not exported need none, nor do Error and Unwrap.
func undocumented(decl ast.Decl, names *int) (out []*ast.Ident) {
	note := func(name *ast.Ident, commented bool) {
		if name.IsExported() {
			*names++
			if !commented {
				out = append(out, name)
			}
		}
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		says := d.Doc != nil || d.Recv != nil && (d.Name.Name == "Error" || d.Name.Name == "Unwrap")
		if d.Recv == nil || exportedType(d.Recv.List[0].Type) {
			note(d.Name, says)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				note(s.Name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					note(name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
				}
			}
		}
	}
	return out
}

func exportedType(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.StarExpr:
		return exportedType(t.X)
	case *ast.IndexExpr:
		return exportedType(t.X)
	case *ast.Ident:
		return t.IsExported()
	}
	return false
}
